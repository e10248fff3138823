import * as Effect from 'effect/Effect'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { natsBroadcast } from '../../consumers/broadcast/nats.ts'
import { openFacade, type Sessions } from '../../consumers/facade.ts'
import { copyLog } from '../../consumers/moving/copy.ts'
import type { OpenOptions } from '../../consumers/node.ts'
import { memoryLog } from '../../core/log/memory.ts'
import { sqliteLog } from '../../core/log/sqlite.ts'
import { Load } from '../consumers/moving/load.ts'
import { fold, readAll, world } from '../consumers/moving/logs.ts'
import { newLog, startJetstream } from '../support/jetstream.ts'
import { failure } from '../support/log-node.ts'
import { describeWithNats, type NatsServer } from '../support/nats-server.ts'
import { temporaryPath } from '../support/temp.ts'
import { until } from '../support/until.ts'

type Log = OpenOptions['log']
const maxStalenessMs = 2_000

describeWithNats('a cluster that moves, under load', () => {
  let server: NatsServer
  beforeAll(async () => { server = await startJetstream() })
  afterAll(() => server.kill())

  const kinds: Readonly<Record<string, () => Log>> = {
    memory: () => memoryLog(),
    'memory with three partitions': () => memoryLog({ partitions: 3 }),
    sqlite: () => sqliteLog({ path: temporaryPath('log.db') }),
    jetstream: () => newLog({ servers: server.url })
  }
  let clusters = 0
  const newBroadcast = () => {
    const cluster = `moving-${++clusters}`
    return () => natsBroadcast({ servers: server.url, cluster, key: 'the key of a test cluster' })
  }
  const names = ['a', 'b', 'c']
  const openAll = (log: Log, from: Log) => {
    const [oldCluster, newCluster] = [newBroadcast(), newBroadcast()]
    return Promise.all(names.map((node) => openFacade({
      log, broadcast: newCluster(), movingFrom: { log: from, broadcast: oldCluster() }, node, maxStaleness: maxStalenessMs,
      maxSessionsPerSubject: 100_000
    }, world)))
  }
  const isMoved = (node: Sessions) => node.health().move?.state === 'moved'
  const options = (from: Log, to: Log) => ({ from: { log: from, name: 'old' }, to: { log: to, name: 'new' } })

  it.each([
    ['memory', 'memory with three partitions'], ['memory with three partitions', 'memory'],
    ['sqlite', 'jetstream'], ['jetstream', 'sqlite'], ['memory with three partitions', 'jetstream'], ['sqlite', 'sqlite']
  ])('from %s to %s nobody notices', async (fromKind, toKind) => {
    const [from, to] = [kinds[fromKind]!(), kinds[toKind]!()]
    const nodes = await openAll(to, from)
    try {
      const load = new Load(nodes, 12, maxStalenessMs)
      await until('there is something to move', () => load.done > 400)
      await Effect.runPromise(copyLog(options(from, to), world))
      await until('all went over', () => nodes.every(isMoved))
      const then = load.done
      await until('they go on there', () => load.done > then + 400)
      await load.stop()
      const isQuiet = () => new Set(nodes.map((node) => JSON.stringify(node.health().position))).size === 1
        && nodes.every((node) => node.health().revocationsPending === 0)
      await until('all know the same', isQuiet)
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

  it('names the node that is not ready, and goes on when it is', async () => {
    const [from, to] = [memoryLog(), memoryLog()]
    const plain = await openFacade({ log: from, node: 'plain' }, world)
    const nodes = await openAll(to, from)
    try {
      expect(await failure(copyLog(options(from, to), world))).toMatchObject({ _tag: 'CopyRefused', nodes: ['plain'] })
      await plain.create({ subject: 'ada' })
      await plain.close()
      await Effect.runPromise(copyLog(options(from, to), world))
      await until('all went over', () => nodes.every(isMoved))
      expect(nodes[0]!.list({ subject: 'ada' })).toHaveLength(1)
    } finally {
      await Promise.all([plain, ...nodes].map((node) => node.close()))
    }
  })
})
