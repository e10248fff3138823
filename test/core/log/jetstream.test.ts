import * as v3 from '@nats-io/transport-node'
import * as v2 from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { NatsConnection } from '../../../core/log/jetstream.ts'
import { suite } from '../../contract/event-log.ts'
import { newLogUnderTest, startJetstream } from '../../support/jetstream.ts'
import { startNatsCluster, type NatsCluster } from '../../support/nats-cluster.ts'
import { describeWithNats, type NatsServer } from '../../support/nats-server.ts'

describeWithNats('jetstreamLog', () => {
  let server: NatsServer
  beforeAll(async () => { server = await startJetstream() })
  afterAll(() => server.kill())
  suite('jetstream', () => newLogUnderTest({ servers: server.url }))
})

for (const client of ['@nats-io/transport-node', 'nats 2.x'] as const) {
  describeWithNats(`jetstreamLog, with a connection of ${client}`, () => {
    let server: NatsServer
    let connection: NatsConnection
    beforeAll(async () => {
      server = await startJetstream()
      const { connect } = client === 'nats 2.x' ? v2 : v3
      connection = await connect({ servers: server.url })
    })
    afterAll(async () => {
      await connection.close()
      await server.kill()
    })
    suite(`jetstream, with a connection of ${client}`, () => newLogUnderTest({ connection }))
    it('leaves it open', () => { expect(connection.isClosed()).toBe(false) })
  })
}

describeWithNats('jetstreamLog on three servers', () => {
  let cluster: NatsCluster
  beforeAll(async () => { cluster = await startNatsCluster() })
  afterAll(() => cluster.kill())
  suite('jetstream, replicated', () => newLogUnderTest({ servers: cluster.urls }))
})
