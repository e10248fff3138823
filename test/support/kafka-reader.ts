import * as Effect from 'effect/Effect'
import { Kafka } from 'kafkajs'
import { systemClock } from '../../core/clock.ts'
import { latest, offsets } from '../../core/kafka/api.ts'
import { Brokers } from '../../core/kafka/brokers.ts'
import { loadDriver } from '../../core/kafka/driver.ts'
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
    consumer.on('consumer.crash', ({ payload }) => { if (!payload.restart) reject(payload.error) })
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

/** Tells where topics of one partition end, with what is not committed yet, which the tools of kafkajs leave out. */
export const watchEnds = async (server: KafkaServer): Promise<{ readonly endOf: (topic: string) => Promise<number> } & Disposable> => {
  const brokers = [{ host: '127.0.0.1', port: server.port }]
  const make = await Effect.runPromise(loadDriver({ brokers, connect: {} }))
  const known = new Map<string, Brokers>()
  return {
    endOf: (topic) => {
      const found = known.get(topic) ?? new Brokers({ brokers, topic }, make, systemClock)
      known.set(topic, found)
      return Effect.runPromise(found.leader('ask', 0).pipe(
        Effect.catch(() => Effect.andThen(found.refresh, found.leader('ask', 0))),
        Effect.flatMap((wire) => offsets(wire, topic, [0], latest)),
        Effect.map((ends) => ends.get(0) ?? 0),
        // There is none yet.
        Effect.catch(() => Effect.succeed(0))))
    },
    [Symbol.dispose]: () => { for (const one of known.values()) one.close() }
  }
}
