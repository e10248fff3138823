import { afterAll, beforeAll } from 'vitest'
import { suite } from '../../contract/sessions.ts'
import { newKafkaLog } from '../../support/kafka.ts'
import { describeWithKafka, kafkaStartMsMax, type KafkaServer, startKafkaServer } from '../../support/kafka-server.ts'

describeWithKafka('a session store on Kafka', () => {
  let server: KafkaServer
  beforeAll(async () => { server = await startKafkaServer() }, kafkaStartMsMax)
  afterAll(() => server.kill())
  suite('kafka', () => newKafkaLog(server))
})
