import { afterAll, beforeAll } from 'vitest'
import { suite } from '../contract/cluster.ts'
import { newKafkaLog } from '../support/kafka.ts'
import { LogNode } from '../support/log-node.ts'
import { eventOf } from '../support/sample-events.ts'
import { describeWithKafka, kafkaStartMsMax, type KafkaServer, startKafkaServer } from '../support/kafka-server.ts'

describeWithKafka('a cluster on Kafka', () => {
  let server: KafkaServer
  beforeAll(async () => {
    server = await startKafkaServer()
    // A virtual machine that has just started takes its time with what it does first.
    const node = await LogNode.open(newKafkaLog(server, { partitions: 3 }))
    for (let i = 0; i < 100; i++) await node.append(eventOf(`subject ${i}`, `c${i}`))
    await node.close()
  }, kafkaStartMsMax)
  afterAll(() => server.kill())
  suite('kafka', () => newKafkaLog(server, { partitions: 3 }))
})
