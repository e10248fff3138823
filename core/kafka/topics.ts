import * as Effect from 'effect/Effect'
import { createTopic, type TopicConfig } from './api.ts'
import type { Brokers } from './brokers.ts'
import type { Address } from './options.ts'
import type { Trouble } from './trouble.ts'

/** Of so many brokers that hold a topic a majority must have a batch before it is acknowledged. */
export const majorityOf = (replicas: number): number => Math.floor(replicas / 2) + 1

const replicasOfCluster = 3

/** A topic to be made. */
interface Wanted {
  readonly brokers: readonly Address[]
  readonly topic: string
  readonly partitions: number | undefined
  readonly replicas: number | undefined
}

/** By the first broker that answers. Another node may be quicker: that is as good. */
export const makeTopic = (
  brokers: Brokers, wanted: Wanted, configFor: (replicas: number) => TopicConfig
): Effect.Effect<void, Trouble> => {
  const makeWith = (replicas: number): Effect.Effect<unknown, Trouble> =>
    wanted.brokers.map((address) => createTopic(
      brokers.wire('ask', address), wanted.topic, wanted.partitions ?? 1, replicas, configFor(replicas))
    ).reduceRight((others, one) => Effect.catchIf(one, ({ kind }) => kind === 'unconnected' || kind === 'silent', () => others))
  const made = wanted.replicas === undefined
    ? Effect.catchIf(makeWith(replicasOfCluster), says('INVALID_REPLICATION_FACTOR'), () => makeWith(1))
    : makeWith(wanted.replicas)
  return made.pipe(Effect.asVoid, Effect.catchIf(says('TOPIC_ALREADY_EXISTS'), () => Effect.void))
}

const says = (refusal: string) => ({ message }: Trouble): boolean => message.includes(`(${refusal})`)
