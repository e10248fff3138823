import { checkCluster } from '../../cluster-name.ts'
import type { DurationInput } from '../../domain/limits.ts'
import { InvalidOptions } from '../../errors.ts'
import {
  type Address, checkBrokers, checkConnect, invalid, isCount, type KafkaConnectOptions, replicasMax
} from '../../kafka/options.ts'
import { checkRetention } from '../retention.ts'

/** Where the Kafka brokers are, and which topic is the log. */
export interface KafkaLogOptions {
  /** The cluster's name: 1 to 64 of A-Z a-z 0-9 _ and -. Each cluster has a log of its own. */
  readonly cluster: string
  /**
   * Where to connect to, host:port; the port is 9092 if not named. The other brokers are learned from the first that
   * answers. Default: 127.0.0.1:9092.
   */
  readonly brokers?: string | readonly string[]
  /** Passed on to the client: ssl, sasl, clientId and the like. */
  readonly connect?: KafkaConnectOptions
  /** The topic that is the log, of the same characters; made where there is none. Default: 'curfew-' and the cluster. */
  readonly topic?: string
  /**
   * How many partitions the log has, 1 to 64: for a topic to be made 1 if not given; one that is there must have as many,
   * if given. It can never be changed, for events of one subject would then stand in two of them. Name it, so that a node
   * does not start on a topic whose partitions somebody else has changed.
   */
  readonly partitions?: number
  /**
   * How many brokers hold the log, 1 to 7. Default: for a topic to be made 3 where there are so many brokers, else 1; for
   * one that is there, as many as it has.
   */
  readonly replicas?: number
  /**
   * How long the log keeps an event at least. Must be longer than the longest absolute limit of a session, by a tenth and
   * some seconds more. Default: 90 days.
   */
  readonly retention?: DurationInput | 'forever'
  /** false: a topic that is not there is not made, but fails with `LogUnusable`: for tools. Default: true. */
  readonly create?: boolean
}

/** The same, checked. */
export interface Checked {
  readonly brokers: readonly Address[]
  /** Secrets are plain in it: it is for the client alone. */
  readonly connect: KafkaConnectOptions
  readonly topic: string
  readonly partitions: number | undefined
  readonly replicas: number | undefined
  /** null: for ever. */
  readonly retentionMs: number | null
  readonly create: boolean
}

const known: readonly string[] = ['cluster', 'brokers', 'connect', 'topic', 'partitions', 'replicas', 'retention', 'create']
export const partitionsMax = 64

export const checkOptions = (given: unknown): Checked | InvalidOptions => {
  if (typeof given !== 'object' || given === null) {
    return invalid('cluster', "kafkaLog needs options, at least { cluster: 'a-name' }.")
  }
  const options = given as KafkaLogOptions
  const stranger = Object.keys(options).find((name) => !known.includes(name))
  if (stranger !== undefined) return invalid(stranger, `kafkaLog has no option ${stranger}; it has ${known.join(', ')}.`)
  const cluster = checkCluster(options.cluster)
  if (cluster instanceof InvalidOptions) return cluster
  const { topic = `curfew-${cluster}`, partitions, replicas, create = true } = options
  if (options.topic !== undefined && checkCluster(topic) instanceof InvalidOptions) {
    return invalid('topic', 'The option topic must be a name of 1 to 64 characters out of A-Z, a-z, 0-9, _ and -.')
  }
  if (!isCount(partitions, partitionsMax)) {
    return invalid('partitions', `The option partitions must be a whole number from 1 to ${partitionsMax}.`)
  }
  if (!isCount(replicas, replicasMax)) {
    return invalid('replicas', `The option replicas must be a whole number from 1 to ${replicasMax}.`)
  }
  if (typeof create !== 'boolean') return invalid('create', 'The option create must be true or false.')
  const retentionMs = checkRetention(options.retention)
  if (retentionMs instanceof InvalidOptions) return retentionMs
  const brokers = checkBrokers(options.brokers)
  if (brokers instanceof InvalidOptions) return brokers
  const connect = checkConnect(options.connect)
  return connect instanceof InvalidOptions ? connect : { brokers, connect, topic, partitions, replicas, retentionMs, create }
}
