import { messageOf } from '../message-of.ts'

/** Why Kafka did not do what was asked, in words that an operator can act on. */
export interface Trouble {
  readonly kind:
    /** There is no connection to the broker: nothing was asked. */
    | 'unconnected'
    /** No answer, or the connection went while one was awaited: what was asked may have been done. */
    | 'silent'
    /** The broker does not lead the partition, or too few brokers hold it just now: another attempt may do. */
    | 'moved'
    /** There is no such topic. */
    | 'gone'
    /** No record stands at the place that was asked for. */
    | 'range'
    /** What was asked for before is still being done: another attempt will do. */
    | 'busy'
    /** Another writer has taken over since. */
    | 'fenced'
    /** More than the topic takes at once. */
    | 'large'
    /** The broker said no. */
    | 'refused'
    /** The answer is none that Kafka gives, or not the newest. */
    | 'doubtful'
  readonly message: string
}

/** What the broker says in answer, by the names of the protocol. */
const kinds: Readonly<Record<string, Trouble['kind']>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'gone',
  OFFSET_OUT_OF_RANGE: 'range',
  MESSAGE_TOO_LARGE: 'large',
  RECORD_LIST_TOO_LARGE: 'large',
  REQUEST_TIMED_OUT: 'silent',
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 'silent',
  NETWORK_EXCEPTION: 'silent',
  LEADER_NOT_AVAILABLE: 'moved',
  NOT_LEADER_FOR_PARTITION: 'moved',
  REPLICA_NOT_AVAILABLE: 'moved',
  BROKER_NOT_AVAILABLE: 'moved',
  NOT_CONTROLLER: 'moved',
  GROUP_LOAD_IN_PROGRESS: 'moved',
  GROUP_COORDINATOR_NOT_AVAILABLE: 'moved',
  NOT_COORDINATOR_FOR_GROUP: 'moved',
  CONCURRENT_TRANSACTIONS: 'busy',
  TRANSACTION_COORDINATOR_FENCED: 'moved',
  INVALID_PRODUCER_EPOCH: 'fenced',
  INVALID_PRODUCER_ID_MAPPING: 'fenced',
  NOT_ENOUGH_REPLICAS: 'moved',
  KAFKA_STORAGE_ERROR: 'moved',
  OFFSET_NOT_AVAILABLE: 'moved',
  FENCED_LEADER_EPOCH: 'moved',
  UNKNOWN_LEADER_EPOCH: 'moved'
}

/** The protocol's name of what a broker refused, or undefined: it did not say no. */
export const refusalOf = (error: unknown): string | undefined => {
  const { type, errors } = error as { readonly type?: unknown; readonly errors?: readonly unknown[] }
  if (typeof type === 'string') return type
  return errors === undefined || errors.length === 0 ? undefined : refusalOf(errors[0])
}

/** A request was sent to the broker at this address, and this is what came of it. */
export const asTrouble = (error: unknown, address: string): Trouble => {
  const refusal = error instanceof Error ? refusalOf(error) : undefined
  if (refusal !== undefined) {
    return { kind: kinds[refusal] ?? 'refused', message: `The broker ${address} refused it: ${messageOf(error)} (${refusal}).` }
  }
  return { kind: 'silent', message: `The broker ${address} was lost: ${messageOf(error)}; what was asked for may have been done.` }
}

/** Nothing was sent, for there is no connection. */
export const unconnected = (error: unknown, address: string): Trouble =>
  ({ kind: 'unconnected', message: `The Kafka broker ${address} cannot be reached: ${messageOf(error)}.` })
