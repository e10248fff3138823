import { Kafka } from 'kafkajs'
import type { KafkaServer } from './kafka-server.ts'

const sentinel = 'this is the end'
let readers = 0

/**
 * What a consumer gets of a topic of one partition, from its beginning to its end now: values, in order. `what`: only what was
 * committed, as with isolation.level=read_committed, or all.
 */
export const readTopic = async (server: KafkaServer, topic: string, what: 'committed' | 'all'): Promise<readonly string[]> => {
  const kafka = new Kafka({ brokers: [server.address], logCreator: () => () => undefined })
  // Where a consumer would find the end otherwise, no record need stand.
  const producer = kafka.producer()
  await producer.connect()
  const [sent] = await producer.send({ topic, messages: [{ value: sentinel }] })
  await producer.disconnect()
  const end = Number(sent!.baseOffset)
  const consumer = kafka.consumer({ groupId: `reader-${++readers}`, readUncommitted: what === 'all', maxWaitTimeInMs: 100 })
  const values: string[] = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    consumer.on('consumer.crash', ({ payload }) => { reject(payload.error) })
    void consumer.run({
      autoCommit: false,
      eachMessage: async ({ message }) => {
        const value = message.value!.toString()
        if (value !== sentinel) values.push(value)
        if (Number(message.offset) === end) resolve()
      }
    })
  })
  await consumer.disconnect()
  return values
}
