import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import type { BareLog, ReadAll } from './logs.ts'
import { elapsedNs, nanoseconds } from './machine.ts'

/** A retry within this time is known as one: the server does this work for our log as well. */
const duplicateWindowNs = 120_000_000_000

const newStream = (manager: JetStreamManager, name: string): Promise<unknown> => manager.streams.add({
  name, subjects: [`bench.${name}`], storage: StorageType.File, num_replicas: 1, duplicate_window: duplicateWindowNs
})

/** Every message of a stream, in order, by the client's own consumer. */
const readMessages = async (client: JetStreamClient, manager: JetStreamManager, stream: string): Promise<ReadAll> => {
  const began = nanoseconds()
  const { state: { last_seq: last } } = await manager.streams.info(stream)
  const consumer = await client.consumers.getPushConsumer(stream)
  const messages = await consumer.consume()
  let records = 0
  let checksum = 0
  const decoder = new TextDecoder()
  for await (const message of messages) {
    for (const text of decoder.decode(message.data).split('\n')) {
      const { at, type } = JSON.parse(text) as { readonly at: number; readonly type: string }
      records++
      checksum = (checksum + at + type.length) | 0
    }
    if (message.seq >= last) break
  }
  return { records, checksum, ns: elapsedNs(began) }
}

/** @nats-io/jetstream by itself. `stream`: that of our log. */
export const bareJetstream = async (servers: string, stream: string, name: string): Promise<BareLog> => {
  const connection = await connect({ servers })
  const client = jetstream(connection)
  const manager = await jetstreamManager(connection)
  await newStream(manager, name)
  let sent = 0
  const appending = (bytes: Uint8Array) => async (): Promise<void> => {
    await client.publish(`bench.${name}`, bytes, { msgID: `${name}-${sent++}` })
  }
  return {
    prepare: (texts) => appending(Buffer.from(texts.join('\n'))),
    prepareLast: async () => {
      const { state } = await manager.streams.info(stream)
      const message = await manager.streams.getMessage(stream, { seq: state.last_seq })
      if (message === null) throw new Error('our log holds no message')
      return appending(message.data)
    },
    readAll: () => readMessages(client, manager, stream),
    close: () => connection.close()
  }
}
