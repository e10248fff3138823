import { afterAll, beforeAll } from 'vitest'
import { suite } from '../../contract/event-log.ts'
import { newLog, startJetstream } from '../../support/jetstream.ts'
import { startNatsCluster, type NatsCluster } from '../../support/nats-cluster.ts'
import { describeWithNats, type NatsServer } from '../../support/nats-server.ts'

describeWithNats('jetstreamLog', () => {
  let server: NatsServer
  beforeAll(async () => { server = await startJetstream() })
  afterAll(() => server.kill())
  suite('jetstream', async () => newLog(server.url))
})

describeWithNats('jetstreamLog on three servers', () => {
  let cluster: NatsCluster
  beforeAll(async () => { cluster = await startNatsCluster() })
  afterAll(() => cluster.kill())
  suite('jetstream, replicated', async () => newLog(cluster.urls))
})
