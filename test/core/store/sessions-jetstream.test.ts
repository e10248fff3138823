import { afterAll, beforeAll } from 'vitest'
import { suite } from '../../contract/sessions.ts'
import { newLog, startJetstream } from '../../support/jetstream.ts'
import { describeWithNats, type NatsServer } from '../../support/nats-server.ts'

describeWithNats('a session store on JetStream', () => {
  let server: NatsServer
  beforeAll(async () => { server = await startJetstream() })
  afterAll(() => server.kill())
  suite('jetstream', () => newLog({ servers: server.url }))
})
