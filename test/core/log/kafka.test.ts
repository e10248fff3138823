import { afterAll, beforeAll } from 'vitest'
import { suite } from '../../contract/event-log.ts'
import { newKafkaLogUnderTest } from '../../support/kafka.ts'
import { describeWithKafka, kafkaStartMsMax, type KafkaServer, startKafkaServer } from '../../support/kafka-server.ts'

describeWithKafka('kafkaLog', () => {
  let server: KafkaServer
  beforeAll(async () => { server = await startKafkaServer() }, kafkaStartMsMax)
  afterAll(() => server.kill())
  suite('kafka', () => newKafkaLogUnderTest(server))
  suite('kafka, with three partitions', () => newKafkaLogUnderTest(server, { partitions: 3 }))
})
