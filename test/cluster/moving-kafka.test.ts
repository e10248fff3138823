import { afterAll, beforeAll, describe } from 'vitest'
import { sqliteLog } from '../../core/log/sqlite.ts'
import { copies, type LogKind, resumes } from '../contract/copy.ts'
import { moves } from '../contract/moving.ts'
import { newLog, startJetstream } from '../support/jetstream.ts'
import { newKafkaLog } from '../support/kafka.ts'
import { describeWithKafka, kafkaStartMsMax, type KafkaServer, startKafkaServer } from '../support/kafka-server.ts'
import type { NatsServer } from '../support/nats-server.ts'
import { temporaryPath } from '../support/temp.ts'

describeWithKafka('to and from Kafka', () => {
  let broker: KafkaServer
  let server: NatsServer
  beforeAll(async () => { [broker, server] = await Promise.all([startKafkaServer(), startJetstream()]) }, kafkaStartMsMax)
  afterAll(async () => { await Promise.all([broker.kill(), server.kill()]) })

  const sqlite: LogKind = { name: 'sqlite', make: () => sqliteLog({ path: temporaryPath('log.db') }) }
  const jetstream: LogKind = { name: 'jetstream', make: () => newLog({ servers: server.url }) }
  const kafka: LogKind = { name: 'kafka', make: () => newKafkaLog(broker) }
  const three: LogKind = { name: 'kafka with three partitions', partitions: 3, make: () => newKafkaLog(broker, { partitions: 3 }) }

  for (const [from, to] of [
    [sqlite, kafka], [kafka, sqlite], [jetstream, three], [three, jetstream], [kafka, three], [three, kafka]
  ] as const) copies(from, to)
  for (const [from, to] of [[sqlite, kafka], [three, jetstream]] as const) resumes(from, to)

  describe('a cluster that moves, under load', () => {
    for (const [from, to] of [[sqlite, kafka], [jetstream, three], [three, sqlite]] as const) moves(() => server.url, from, to)
  })
})
