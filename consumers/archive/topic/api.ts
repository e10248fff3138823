import * as Effect from 'effect/Effect'
import { answerMsMax } from '../../../core/kafka/api.ts'
import type { Producer } from '../../../core/kafka/driver.ts'
import type { Address } from '../../../core/kafka/options.ts'
import type { Trouble } from '../../../core/kafka/trouble.ts'
import type { Wire } from '../../../core/kafka/wire.ts'

/** Both topics have one partition: what is in an archive has an order. */
export const onlyPartition = 0

const ofTransactions = 1

/** Which broker keeps the books of the transactions of this id. */
export const findCoordinator = (wire: Wire, transactionalId: string): Effect.Effect<Address, Trouble> => Effect.map(
  wire.ask(answerMsMax, (broker) => broker.findGroupCoordinator({ groupId: transactionalId, coordinatorType: ofTransactions })),
  ({ coordinator }) => coordinator)

/**
 * Takes the id over from whoever had it: nobody writes under it any more, and what was not committed by then is aborted
 * before this answers.
 */
export const takeOver = (wire: Wire, transactionalId: string, transactionTimeout: number): Effect.Effect<Producer, Trouble> =>
  Effect.map(
    wire.ask(answerMsMax, (broker) => broker.initProducerId({ transactionalId, transactionTimeout })),
    ({ producerId, producerEpoch }) => ({ producerId, producerEpoch }))

/** One who writes transactions. */
export interface Writing extends Producer {
  readonly transactionalId: string
}

/** Begins a transaction, or goes on with it: it is to have a part in these topics. */
export const takePart = (wire: Wire, by: Writing, topics: readonly string[]): Effect.Effect<unknown, Trouble> =>
  wire.ask(answerMsMax, (broker) => broker.addPartitionsToTxn({
    ...by, topics: topics.map((topic) => ({ topic, partitions: [onlyPartition] }))
  }))

/** Ends the transaction: all of it stands from now on, or nothing. Asked again it answers as before. */
export const endTransaction = (wire: Wire, by: Writing, isGood: boolean): Effect.Effect<unknown, Trouble> =>
  wire.ask(answerMsMax, (broker) => broker.endTxn({ ...by, transactionResult: isGood }))

/** A record to be written. */
export interface Line {
  readonly key: string | null
  readonly value: string
}

const allInSync = -1
const gzip = 1

/**
 * Writes records as a part of the transaction, one batch. `sequence`: how many were written by this writer before. The same
 * batch sent again stands once. Returns the offset of the first.
 */
export const write = (
  wire: Wire, by: Writing, topic: string, sequence: number, messages: readonly Line[]
): Effect.Effect<number, Trouble> => Effect.flatMap(
  // The broker gives up first, and says what it knows.
  wire.ask(answerMsMax, (broker) => broker.produce({
    ...by, acks: allInSync, timeout: answerMsMax - 200, compression: gzip,
    topicData: [{ topic, partitions: [{ partition: onlyPartition, firstSequence: sequence, messages }] }]
  })),
  ({ topics }) => {
    const base = Number(topics[0]?.partitions[0]?.baseOffset ?? -1)
    return base >= 0
      ? Effect.succeed(base)
      : Effect.fail<Trouble>({ kind: 'doubtful', message: 'Kafka answered with something that is no acknowledgement.' })
  })

/** A record as it stands; `mark`: none of ours, but the end of a transaction. */
export type Standing =
  | { readonly offset: number; readonly mark: 'commit' | 'abort' }
  | { readonly offset: number; readonly mark: null; readonly text: string }

const asConsumer = -1
const onlyCommitted = 1
const bytesMax = 4_194_304
const commitMark = 1

/** What stands at an offset and behind; it begins with the batch that holds it, maybe before it. Nothing that is open yet. */
export const readFrom = (wire: Wire, topic: string, offset: number): Effect.Effect<readonly Standing[], Trouble> => Effect.map(
  wire.ask(answerMsMax, (broker) => broker.fetch({
    replicaId: asConsumer, isolationLevel: onlyCommitted, maxWaitTime: 0, minBytes: 1, maxBytes: bytesMax,
    topics: [{ topic, partitions: [{ partition: onlyPartition, fetchOffset: String(offset), maxBytes: bytesMax }] }]
  })),
  ({ responses }) => (responses[0]?.partitions[0]?.messages ?? []).map((message): Standing => {
    const place = Number(message.offset)
    if (!message.isControlRecord) return { offset: place, mark: null, text: message.value?.toString() ?? '' }
    // Its key is a version and the kind of mark, 2 bytes each.
    return { offset: place, mark: message.key?.readInt16BE(2) === commitMark ? 'commit' : 'abort' }
  }))
