import * as Effect from 'effect/Effect'
import type { Broker, Metadata } from './driver.ts'
import type { Address } from './options.ts'
import type { Trouble } from './trouble.ts'
import type { Wire } from './wire.ts'

/** What a broker may take to answer, ms. */
export const answerMsMax = 2_000

/** Who leads a partition, -1: nobody; and which brokers hold it. */
export interface PartitionLayout {
  readonly leader: number
  readonly replicas: readonly number[]
}

/** How a topic is laid out over the brokers, as one of them says. */
export interface Layout {
  readonly brokers: ReadonlyMap<number, Address>
  /** By number. */
  readonly partitions: readonly PartitionLayout[]
}

const layoutOf = ({ brokers, topicMetadata }: Metadata, topic: string): Layout => {
  const partitions: PartitionLayout[] = []
  for (const { partitionId, leader, replicas } of topicMetadata.find((found) => found.topic === topic)?.partitionMetadata ?? []) {
    partitions[partitionId] = { leader, replicas }
  }
  return { brokers: new Map(brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }])), partitions }
}

export const metadata = (wire: Wire, topic: string): Effect.Effect<Layout, Trouble> =>
  Effect.map(wire.ask(answerMsMax, (broker) => broker.metadata([topic])), (answer) => layoutOf(answer, topic))

/** The settings of a topic, by name. */
export type TopicConfig = Readonly<Record<string, string>>

/** Makes a topic. A broker that has made it may not know of it yet. */
export const createTopic = (
  wire: Wire, topic: string, partitions: number, replicas: number, config: TopicConfig
): Effect.Effect<unknown, Trouble> => wire.ask(2 * answerMsMax, (broker) => broker.createTopics({
  topics: [{
    topic, numPartitions: partitions, replicationFactor: replicas,
    configEntries: Object.entries(config).map(([name, value]) => ({ name, value }))
  }],
  timeout: answerMsMax
}))

const topicResource = 2

export const topicConfig = (wire: Wire, topic: string, names: readonly string[]): Effect.Effect<TopicConfig, Trouble> =>
  Effect.map(
    wire.ask(answerMsMax, (broker) => broker.describeConfigs({
      resources: [{ type: topicResource, name: topic, configNames: names }]
    })),
    ({ resources }) => Object.fromEntries((resources[0]?.configEntries ?? [])
      .map(({ configName, configValue }) => [configName, configValue])))

const asConsumer = -1
/** What is not yet committed by its writer is read as well: our writers use no transactions. */
const readAll = 0

export const earliest = -2
export const latest = -1

/** Where some partitions begin, or end behind their last record that is durable. Asked of their leader. */
export const offsets = (
  wire: Wire, topic: string, partitions: readonly number[], which: typeof earliest | typeof latest
): Effect.Effect<ReadonlyMap<number, number>, Trouble> => Effect.map(
  wire.ask(answerMsMax, (broker) => broker.listOffsets({
    replicaId: asConsumer, isolationLevel: readAll,
    topics: [{ topic, partitions: partitions.map((partition) => ({ partition, timestamp: which })) }]
  })),
  ({ responses }) => new Map((responses[0]?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)])))

/** A record as it stands in its partition. */
export interface Raw {
  readonly offset: number
  /** null: none of ours; a mark that the brokers put there themselves. */
  readonly text: string | null
  /** When the leader took it, and under which election. */
  readonly stamp: string
  readonly epoch: number
}

export interface FetchedPartition {
  readonly partition: number
  /** Where the partition ends. */
  readonly end: number
  readonly records: readonly Raw[]
}

const bytesOfAnswerMax = 8_388_608
const bytesOfPartitionMax = 1_048_576

type Answer = Awaited<ReturnType<Broker['fetch']>>

const toFetched = ({ responses }: Answer): readonly FetchedPartition[] =>
  (responses[0]?.partitions ?? []).map(({ partition, highWatermark, messages }) => ({
    partition,
    end: Number(highWatermark),
    records: messages.map(({ offset, timestamp, value, isControlRecord, batchContext }) => ({
      offset: Number(offset), stamp: timestamp, epoch: batchContext?.partitionLeaderEpoch ?? -1,
      text: isControlRecord ? null : value?.toString() ?? ''
    }))
  }))

/**
 * What stands at some places of partitions and behind. It begins with the batch that holds the first, maybe before it.
 * Where nothing stands yet, it waits so long for something.
 */
export const fetchFrom = (
  wire: Wire, topic: string, places: ReadonlyMap<number, number>, waitMs: number
): Effect.Effect<readonly FetchedPartition[], Trouble> => Effect.map(
  wire.ask(answerMsMax + waitMs, (broker) => broker.fetch({
    replicaId: asConsumer, isolationLevel: readAll, maxWaitTime: waitMs, minBytes: 1, maxBytes: bytesOfAnswerMax,
    topics: [{
      topic,
      partitions: [...places].map(([partition, offset]) => ({
        partition, fetchOffset: String(offset), maxBytes: bytesOfPartitionMax
      }))
    }]
  })),
  toFetched)

/** An event to be put into a partition. */
export interface Message {
  readonly key: string | null
  readonly value: string
}

/** Room for what Kafka adds to the bytes of a record, and to those of a batch. */
const recordBytes = 32
const batchBytes = 128

/** How much of what a topic takes at once so many bytes of events leave, at most. */
export const sizeOf = (messages: readonly Message[]): number => messages.reduce(
  (sum, { key, value }) => sum + recordBytes + Buffer.byteLength(value) + (key === null ? 0 : Buffer.byteLength(key)), batchBytes)

const allInSync = -1
const gzip = 1
const plain = 0

/** Puts events into a partition, one behind the other, all or none. Returns the offset of the first. */
export const produce = (
  wire: Wire, topic: string, partition: number, messages: readonly Message[], isPacked: boolean
): Effect.Effect<number, Trouble> => Effect.flatMap(
  // The broker gives up first, and says what it knows.
  wire.ask(answerMsMax, (broker) => broker.produce({
    acks: allInSync, timeout: answerMsMax - 200, compression: isPacked ? gzip : plain,
    topicData: [{ topic, partitions: [{ partition, messages }] }]
  })),
  ({ topics }) => {
    const base = Number(topics[0]?.partitions[0]?.baseOffset ?? -1)
    return base >= 0
      ? Effect.succeed(base)
      : Effect.fail<Trouble>({ kind: 'doubtful', message: 'Kafka answered an append with something that is no acknowledgement.' })
  })
