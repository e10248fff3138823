import { InvalidOptions } from '../../../core/errors.ts'
import {
  type Access, checkBrokers, checkConnect, invalid, isCount, type KafkaConnectOptions, replicasMax
} from '../../../core/kafka/options.ts'

/** Where the archive is. */
export interface ArchiveTopicOptions {
  /**
   * The topic: 1 to 200 of A-Z a-z 0-9 . _ and -. The place up to which it has come is in another, of this name with
   * '-position' behind it. Both are made where there are none.
   */
  readonly topic: string
  /** As of `kafkaLog`: host:port, or a list of them. Default: 127.0.0.1:9092. */
  readonly brokers?: string | readonly string[]
  /** As of `kafkaLog`: passed on to the client: ssl, sasl and the like; a value may be a `Redacted` or a `Config`. */
  readonly connect?: KafkaConnectOptions
  /** How many brokers hold topics that are to be made, 1 to 7. Default: 3 where there are so many brokers, else 1. */
  readonly replicas?: number
  /** false: topics that are not there are not made, but it fails with `ArchiveUnusable`. Default: true. */
  readonly create?: boolean
}

/** The same, checked. */
export interface Place extends Access {
  readonly topic: string
  readonly replicas: number | undefined
  readonly create: boolean
}

const known: readonly string[] = ['topic', 'brokers', 'connect', 'replicas', 'create']
const topicPattern = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,200}$/

/** The topic, if it is the name of one. */
export const topicOf = (given: unknown): string | undefined => {
  const { topic } = (given ?? {}) as { readonly topic?: unknown }
  return typeof topic === 'string' && topicPattern.test(topic) ? topic : undefined
}

export const checkPlace = (given: unknown): Place | InvalidOptions => {
  const options = (given ?? {}) as Partial<ArchiveTopicOptions>
  const stranger = Object.keys(options).find((name) => !known.includes(name))
  if (stranger !== undefined) return invalid(stranger, `archiveTopic has no option ${stranger}; it has ${known.join(', ')}.`)
  const topic = topicOf(options)
  if (topic === undefined) {
    return invalid('topic', 'The option topic of archiveTopic must be a name of 1 to 200 characters out of A-Z, a-z, 0-9, ., _ and -.')
  }
  const { replicas, create = true } = options
  if (!isCount(replicas, replicasMax)) return invalid('replicas', `The option replicas must be a whole number from 1 to ${replicasMax}.`)
  if (typeof create !== 'boolean') return invalid('create', 'The option create must be true or false.')
  const brokers = checkBrokers(options.brokers)
  if (brokers instanceof InvalidOptions) return brokers
  const connect = checkConnect(options.connect, 'archiveTopic')
  return connect instanceof InvalidOptions ? connect : { brokers, connect, topic, replicas, create }
}
