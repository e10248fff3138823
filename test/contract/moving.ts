import { expect, it } from 'vitest'
import { natsBroadcast } from '../../consumers/broadcast/nats.ts'
import { openFacade, type Sessions } from '../../consumers/facade.ts'
import type { OpenOptions } from '../../consumers/node.ts'
import { fold, readAll, world } from '../consumers/moving/logs.ts'
import { until } from '../support/until.ts'
import { copy, type LogKind } from './copy.ts'
import { Load } from './moving-load.ts'

const maxStalenessMs = 2_000
let clusters = 0

/** The nodes of a cluster that is about to move, with a broadcast of the old side and one of the new. */
export const openMoving = (servers: string, to: OpenOptions['log'], from: OpenOptions['log']): Promise<readonly Sessions[]> => {
  const newBroadcast = () => {
    const cluster = `moving-${++clusters}`
    return () => natsBroadcast({ servers, cluster, key: 'the key of a test cluster' })
  }
  const [oldBroadcast, broadcast] = [newBroadcast(), newBroadcast()]
  return Promise.all(['a', 'b', 'c'].map((node) => openFacade({
    log: to, broadcast: broadcast(), movingFrom: { log: from, broadcast: oldBroadcast() }, node, maxStaleness: maxStalenessMs,
    maxSessionsPerSubject: 100_000
  }, world)))
}

export const isMoved = (node: Sessions): boolean => node.health().move?.state === 'moved'

/** A cluster under load goes from one kind of log to another, and no client sees anything of it. */
export const moves = (servers: () => string, fromKind: LogKind, toKind: LogKind): void =>
  it(`from ${fromKind.name} to ${toKind.name} nobody notices`, async () => {
    const [from, to] = [fromKind.make(), toKind.make()]
    const nodes = await openMoving(servers(), to, from)
    try {
      const load = new Load(nodes, 12, maxStalenessMs)
      await until('there is something to move', () => load.done > 400)
      await copy(from, to)
      await until('all went over', () => nodes.every(isMoved))
      const then = load.done
      await until('they go on there', () => load.done > then + 400)
      await load.stop()
      await until('all know the same', () => new Set(nodes.map((node) => JSON.stringify(node.health().position))).size === 1
        && nodes.every((node) => node.health().revocationsPending === 0))
      await load.settle()
      expect(load.complaints).toEqual({ refused: [], revived: [], lost: [], failed: [] })
      expect(load.ended).toBeGreaterThan(10)
      expect(load.kept).toBeGreaterThan(5)
      for (const node of nodes) expect(node.health()).toMatchObject({ fenced: null, failures: {}, revocationsPending: 0 })
    } finally {
      await Promise.all(nodes.map((node) => node.close()))
    }
    // What stands in front of the old log's seals is what the new one has of it.
    const there = await fold(to, false)
    for (const [id, state] of await fold(from, false)) if (state === 'ended') expect(there.get(id)).toBe('ended')
    const types = (await readAll(to)).map(({ event }) => event.type)
    expect(types.filter((type) => type === 'LogCopyFinished').length).toBe(types.filter((type) => type === 'LogCopyStarted').length)
  }, 120_000)
