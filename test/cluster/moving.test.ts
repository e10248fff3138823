import { afterAll, beforeAll, expect, it } from 'vitest'
import { openFacade } from '../../consumers/facade.ts'
import { copyLog } from '../../consumers/moving/copy.ts'
import { memoryLog } from '../../core/log/memory.ts'
import { sqliteLog } from '../../core/log/sqlite.ts'
import { world } from '../consumers/moving/logs.ts'
import { copy, copyOptions, type LogKind } from '../contract/copy.ts'
import { isMoved, moves, openMoving } from '../contract/moving.ts'
import { newLog, startJetstream } from '../support/jetstream.ts'
import { failure } from '../support/log-node.ts'
import { describeWithNats, type NatsServer } from '../support/nats-server.ts'
import { temporaryPath } from '../support/temp.ts'
import { until } from '../support/until.ts'

describeWithNats('a cluster that moves, under load', () => {
  let server: NatsServer
  beforeAll(async () => { server = await startJetstream() })
  afterAll(() => server.kill())

  const memory: LogKind = { name: 'memory', make: () => memoryLog() }
  const three: LogKind = { name: 'memory with three partitions', make: () => memoryLog({ partitions: 3 }) }
  const sqlite: LogKind = { name: 'sqlite', make: () => sqliteLog({ path: temporaryPath('log.db') }) }
  const jetstream: LogKind = { name: 'jetstream', make: () => newLog({ servers: server.url }) }
  for (const [from, to] of [
    [memory, three], [three, memory], [sqlite, jetstream], [jetstream, sqlite], [three, jetstream], [sqlite, sqlite]
  ] as const) moves(() => server.url, from, to)

  it('names the node that is not ready, and goes on when it is', async () => {
    const [from, to] = [memoryLog(), memoryLog()]
    const plain = await openFacade({ log: from, node: 'plain' }, world)
    const nodes = await openMoving(server.url, to, from)
    try {
      expect(await failure(copyLog(copyOptions(from, to), world))).toMatchObject({ _tag: 'CopyRefused', nodes: ['plain'] })
      await plain.create({ subject: 'ada' })
      await plain.close()
      await copy(from, to)
      await until('all went over', () => nodes.every(isMoved))
      expect(nodes[0]!.list({ subject: 'ada' })).toHaveLength(1)
    } finally {
      await Promise.all([plain, ...nodes].map((node) => node.close()))
    }
  })
})
