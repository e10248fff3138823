import { type Consumer, Kafka, Partitioners } from 'kafkajs'
import { elapsedNs, nanoseconds } from './machine.ts'
import type { BareLog, ReadAll } from './logs.ts'

/** kafkajs by itself reads only as a member of a group. Waits for its first batch, and gives every record to `take`. */
const readFrom = async (
  consumer: Consumer, topic: string, offset: string, take: (text: string, offset: string) => boolean
): Promise<void> => {
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    // Where the broker was not ready for groups yet, it tries to join again, and has not done so when `run` resolves.
    consumer.on(consumer.events.GROUP_JOIN, () => consumer.seek({ topic, partition: 0, offset }))
    consumer.run({
      autoCommit: false,
      eachBatch: ({ batch }) => {
        if (batch.messages.some(({ value, offset: at }) => take(value?.toString() ?? '', at))) resolve()
        return Promise.resolve()
      }
    }).catch(reject)
  })
  await consumer.disconnect()
}

/** kafkajs by itself. `topic`: that of our log, of one partition; `bareTopic`: one that is set up the same. */
export const bareKafka = async (address: string, topic: string, bareTopic: string): Promise<BareLog> => {
  const client = new Kafka({ brokers: [address], logCreator: () => () => undefined })
  const admin = client.admin()
  await admin.connect()
  const producer = client.producer({ allowAutoTopicCreation: false, createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  let readers = 0
  const newConsumer = (): Consumer => client.consumer({ groupId: `bench-${bareTopic}-${readers++}` })
  const highMark = async (): Promise<number> => Number((await admin.fetchTopicOffsets(topic))[0]!.high)
  const prepare = (texts: readonly string[]) => {
    const messages = texts.map((value) => ({ key: 'bench', value, partition: 0 }))
    return async (): Promise<void> => { await producer.send({ topic: bareTopic, acks: -1, messages }) }
  }
  let last: ReturnType<typeof prepare> | undefined
  return {
    prepare,
    // Joining a group takes too long to do it again and again; each revocation has as many bytes as the first.
    prepareLast: async () => {
      if (last === undefined) {
        let text = ''
        await readFrom(newConsumer(), topic, String(await highMark() - 1), (found) => {
          text = found
          return true
        })
        last = prepare([text])
      }
      return last
    },
    readAll: async (): Promise<ReadAll> => {
      const end = await highMark() - 1
      let [records, checksum, began] = [0, 0, 0n]
      await readFrom(newConsumer(), topic, '0', (text, offset) => {
        // Joining the group is not reading.
        if (began === 0n) began = nanoseconds()
        const { at, type } = JSON.parse(text) as { readonly at: number; readonly type: string }
        records++
        checksum = (checksum + at + type.length) | 0
        return Number(offset) >= end
      })
      return { records, checksum, ns: elapsedNs(began) }
    },
    close: async () => {
      await producer.disconnect()
      await admin.disconnect()
    }
  }
}
