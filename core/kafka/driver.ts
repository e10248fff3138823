import * as Effect from 'effect/Effect'
import { connect as connectPlain } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { messageOf } from '../message-of.ts'
import type { Access, Address, KafkaConnectOptions, KafkaSocketRequest } from './options.ts'

/**
 * What is used of kafkajs: not its Producer, Consumer and Admin, but what stands beneath them, a broker that takes one
 * request and gives one answer. Its Consumer reads by a group only: each reading would have to join one, which takes the
 * brokers 3 s by their default, leaves something on them to look after, and stops for all at every change of it. A node
 * reads all partitions from places of its own, so there is nothing that a group could decide.
 *
 * kafkajs 2.2.4 is its last release, so what stands beneath will not change; it is looked at before it is used.
 */
export interface Broker {
  readonly connectionPool: { pool: readonly Connection[] }
  connect(): Promise<void>
  metadata(topics: readonly string[]): Promise<Metadata>
  createTopics(request: object): Promise<unknown>
  describeConfigs(request: object): Promise<{ readonly resources: readonly { readonly configEntries: readonly ConfigEntry[] }[] }>
  listOffsets(request: object): Promise<{ readonly responses: readonly { readonly partitions: readonly Offset[] }[] }>
  fetch(request: object): Promise<{ readonly responses: readonly { readonly partitions: readonly Fetched[] }[] }>
  produce(request: object): Promise<{ readonly topics: readonly { readonly partitions: readonly Produced[] }[] }>
  findGroupCoordinator(request: object): Promise<{ readonly coordinator: Address }>
  initProducerId(request: object): Promise<Producer>
  addPartitionsToTxn(request: object): Promise<unknown>
  endTxn(request: object): Promise<unknown>
}

/** Who writes transactions, and which of those that have called themselves so. */
export interface Producer {
  readonly producerId: string
  readonly producerEpoch: number
}

export interface Metadata {
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[]
  readonly topicMetadata: readonly {
    readonly topic: string
    readonly partitionMetadata: readonly {
      readonly partitionId: number
      readonly leader: number
      readonly replicas: readonly number[]
    }[]
  }[]
}
interface ConfigEntry { readonly configName: string; readonly configValue: string }
interface Offset { readonly partition: number; readonly offset: string }
interface Produced { readonly partition: number; readonly baseOffset: string }
interface Fetched {
  readonly partition: number
  readonly highWatermark: string
  readonly messages: readonly {
    readonly offset: string
    readonly timestamp: string
    readonly key: Buffer | null
    readonly value: Buffer | null
    readonly isControlRecord: boolean
    readonly batchContext: { readonly partitionLeaderEpoch?: number }
  }[]
}

interface Connection {
  readonly requestQueue: { readonly pending: readonly unknown[]; scheduleCheckPendingRequests: () => void }
  readonly socket?: { destroy(): void }
  readonly authHandlers?: { onError(): void } | null
  isConnected(): boolean
  rejectRequests(error: Error): void
  disconnect(): Promise<unknown>
}

/** Makes a broker of kafkajs that has one connection, not yet open. */
export type MakeBroker = (address: Address) => Promise<Broker>

/** Why there is no client to connect with, and what to do. */
export interface NoClient {
  readonly message: string
  readonly cause: unknown
}

const clientName = 'kafkajs'
/** A broker that is there answers a dial much sooner, ms. */
const dialMsMax = 1_500

/** The client, loaded only now that a connection is to be made with it. */
export const loadDriver = (
  { brokers, connect }: Access, user = 'kafkaLog'
): Effect.Effect<MakeBroker, NoClient> => Effect.tryPromise({
  try: async () => {
    const { Kafka } = await import('kafkajs')
    const config: object = {
      clientId: 'curfew', connectionTimeout: dialMsMax, authenticationTimeout: dialMsMax, socketFactory: openSocket,
      ...connect,
      brokers: brokers.map(({ host, port }) => `${host}:${port}`),
      // Each request has a time limit of ours; theirs costs ten timers a second and a connection.
      enforceRequestTimeout: false,
      // What fails is told where it matters. Theirs prints.
      logCreator: () => () => undefined
    }
    return makerOf(new Kafka(config as ConstructorParameters<typeof Kafka>[0]))
  },
  catch: (cause) => ({
    message: isMissing(cause)
      ? `${user} needs the package ${clientName}, and it is not installed. Run: npm install ${clientName}`
      : `The package ${clientName} cannot be used: ${messageOf(cause)}`,
    cause
  })
})

interface Inside {
  readonly connectionPoolBuilder: { build(address: Address): Promise<{ pool: readonly Connection[] }> }
  readonly brokerPool: { createBroker(parts: object): Broker }
  readonly rootLogger: object
}

const makerOf = (kafka: object): MakeBroker => {
  const key = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === 'private:Kafka:createCluster')
  const create = key && (kafka as { readonly [key: symbol]: ((options: object) => Inside) | undefined })[key]
  const inside = create?.({ allowAutoTopicCreation: false })
  if (typeof inside?.connectionPoolBuilder?.build !== 'function' || typeof inside.brokerPool?.createBroker !== 'function') {
    throw new Error('it is not of a version that is known here; install kafkajs@2.2.4')
  }
  return async (address) => {
    const connectionPool = await inside.connectionPoolBuilder.build(address)
    const [connection] = connectionPool.pool
    // It would have a second one for fetching, which here has a broker of its own.
    connectionPool.pool = [connection!, connection!]
    restWhenIdle(connection!)
    return inside.brokerPool.createBroker({ connectionPool, logger: inside.rootLogger })
  }
}

/**
 * After its first answer a connection of kafkajs looks every millisecond, for ever, whether a request that was held back
 * may be sent: 1.7 % of a core. Only where one was held back there is something to look for. A node that rests, with its
 * three connections to a broker, takes 0.2 % of a core then, instead of 5 %.
 */
const restWhenIdle = ({ requestQueue }: Connection): void => {
  const schedule = requestQueue.scheduleCheckPendingRequests.bind(requestQueue)
  requestQueue.scheduleCheckPendingRequests = () => { if (requestQueue.pending.length > 0) schedule() }
}

/** As theirs, but what is written leaves at once: else an answer may wait 40 ms for the one before. */
const openSocket: NonNullable<KafkaConnectOptions['socketFactory']> = ({ host, port, ssl, onConnect }: KafkaSocketRequest) => {
  if (ssl === undefined || ssl === null || ssl === false) return connectPlain({ host, port, noDelay: true, keepAlive: true }, onConnect)
  const options = typeof ssl === 'object' ? ssl : {}
  const socket = connectTls({ host, port, ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }), ...options }, onConnect)
  return socket.setNoDelay(true).setKeepAlive(true)
}

export const isConnected = (broker: Broker): boolean => broker.connectionPool.pool[0]?.isConnected() === true

/** At once: theirs waits for every answer, and for ever for those of a broker that stands still. */
export const hangUp = (broker: Broker, reason: string): void => {
  const [connection] = broker.connectionPool.pool
  connection?.authHandlers?.onError()
  connection?.rejectRequests(new Error(reason))
  connection?.disconnect().catch(() => undefined)
  connection?.socket?.destroy()
}

const isMissing = (cause: unknown): boolean => cause instanceof Error && 'code' in cause
  && (cause.code === 'ERR_MODULE_NOT_FOUND' || cause.code === 'MODULE_NOT_FOUND') && cause.message.includes(clientName)
