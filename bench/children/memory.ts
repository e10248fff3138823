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

serve<MemoryProtocol>({
  measure: async ({ empty, full }) => {
    const first = await openSessions({ log: sqliteLog({ path: empty }), node: 'bench' })
    first.validate('x')
    const before = await settledRss()
    await first.close()
    const sessions = await openSessions({ log: sqliteLog({ path: full }), node: 'bench', maxStaleness: '10 minutes' })
    const after = await settledRss()
    const { live, bytes } = sessions.health().sessions
    await sessions.close()
    return { before, after, live, bytes }
  }
}, () => {})
