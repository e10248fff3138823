import { setTimeout as sleep } from 'node:timers/promises'
import { openSessions, sqliteLog } from '../../index.ts'
import { serve } from '../harness/child.ts'
import type { MemoryProtocol } from '../cases/memory.ts'

/** Collects until the resident memory no longer falls, and tells it. Pages go back to the system with a delay. */
const settledRss = async (): Promise<number> => {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc')
  let lowest = Infinity
  for (let calm = 0; calm < 4;) {
    globalThis.gc()
    await sleep(50)
    const rss = process.memoryUsage.rss()
    calm = rss < lowest * 0.998 ? 0 : calm + 1
    lowest = Math.min(lowest, rss)
  }
  return lowest
}

/**
 * Makes and drops a lot of small objects, so that the engine's nursery has the size that it has in any process that
 * works: its 32 MB are no cost of a session.
 */
const growNursery = (): number => {
  const kept: object[] = []
  for (let i = 0; i < 3_000_000; i++) kept[i % 100_000] = { i, text: `${i}` }
  return kept.length
}

serve<MemoryProtocol>({
  measure: async ({ empty, full }) => {
    const first = await openSessions({ log: sqliteLog({ path: empty }), node: 'bench' })
    first.validate('x')
    const quiet = await settledRss()
    growNursery()
    const before = await settledRss()
    await first.close()
    const sessions = await openSessions({ log: sqliteLog({ path: full }), node: 'bench' })
    const after = await settledRss()
    const { live, bytes } = sessions.health().sessions
    await sessions.close()
    return { quiet, before, after, live, bytes }
  }
}, () => {})
