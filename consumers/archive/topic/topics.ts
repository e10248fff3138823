import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import type { Clock } from '../../../core/clock.ts'
import { type TopicConfig, topicConfig } from '../../../core/kafka/api.ts'
import { Brokers } from '../../../core/kafka/brokers.ts'
import type { MakeBroker } from '../../../core/kafka/driver.ts'
import { majorityOf, makeTopic } from '../../../core/kafka/topics.ts'
import type { Trouble } from '../../../core/kafka/trouble.ts'
import { onlyPartition } from './api.ts'
import type { Place } from './options.ts'
import { type Problem, problemOf, unusable } from './problems.ts'

/** One of the two topics of an archive, and who of the brokers leads it. */
export interface Part {
  readonly topic: string
  readonly brokers: Brokers
}

/** The topics of an archive, found fit. */
export interface Topics {
  readonly events: Part
  readonly positions: Part
  /** What the topic of the events takes at once. */
  readonly bytesMax: number
}

export const positionTopic = (topic: string): string => `${topic}-position`

const messageBytes = 1_048_588

const settings = (cleanup: 'delete' | 'compact') => (replicas: number): TopicConfig => ({
  'cleanup.policy': cleanup,
  'min.insync.replicas': String(majorityOf(replicas)),
  'unclean.leader.election.enable': 'false',
  ...(cleanup === 'compact' ? {} : { 'retention.ms': '-1', 'retention.bytes': '-1', 'max.message.bytes': String(messageBytes) })
})

/** Whether anybody is there is known soon. What then is not yet ready gets its time. */
const reachWithin = '3 seconds'
const readyWithin = '15 seconds'
const retryEvery = '100 millis'

/** What may be otherwise at another attempt. */
export const isPassing = ({ kind }: Trouble): boolean => ['unconnected', 'silent', 'moved', 'busy', 'doubtful'].includes(kind)

export const openTopics = (
  place: Place, make: MakeBroker, clock: Clock
): Effect.Effect<Topics, Problem, Scope.Scope> => Effect.gen(function*() {
  const part = (topic: string): Effect.Effect<Part, never, Scope.Scope> => Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Brokers({ brokers: place.brokers, topic }, make, clock)), (brokers) => Effect.sync(() => brokers.close())),
    (brokers) => ({ topic, brokers }))
  const [events, positions] = [yield* part(place.topic), yield* part(positionTopic(place.topic))]
  const limit = within(place.topic)
  yield* limit(reachWithin, Effect.catchIf(events.brokers.refresh, ({ kind }) => kind === 'gone', () => Effect.void))
  // The position first: an archive without one is none of ours.
  yield* limit(readyWithin, findOrMake(place, positions, 'compact'))
  const bytesMax = yield* limit(readyWithin, findOrMake(place, events, 'delete'))
  return { events, positions, bytesMax }
})

/** Again and again, for as long as it may pass, but no longer than that. */
const within = (topic: string) => {
  let last: Trouble | undefined
  const insist = <A>(work: Effect.Effect<A, Trouble | Problem>): Effect.Effect<A, Trouble | Problem> => work.pipe(
    Effect.catch((problem): Effect.Effect<A, Trouble | Problem> => {
      if ('_tag' in problem || !(isPassing(problem) || problem.kind === 'gone')) return Effect.fail(problem)
      last = problem
      return Effect.delay(insist(work), retryEvery)
    }))
  return <A>(duration: '3 seconds' | '15 seconds', work: Effect.Effect<A, Trouble | Problem>): Effect.Effect<A, Problem> =>
    insist(work).pipe(
      Effect.mapError((problem) => '_tag' in problem ? problem : problemOf(topic, problem)),
      Effect.timeoutOrElse({
        duration,
        orElse: () => Effect.fail(problemOf(topic, last ?? { kind: 'silent', message: 'The Kafka brokers did not answer.' }))
      }))
}

/** Returns what it takes at once. */
const findOrMake = (
  place: Place, { topic, brokers }: Part, cleanup: 'delete' | 'compact'
): Effect.Effect<number, Trouble | Problem> => Effect.gen(function*() {
  const make = (): Effect.Effect<void, Trouble | Problem> => place.create
    ? makeTopic(brokers, { ...place, topic, partitions: 1 }, settings(cleanup))
    : Effect.fail(unusable(place.topic, `there is no topic ${topic} on these brokers. Look at the option topic: kafka-topics --list`))
  const { partitions } = yield* Effect.catchIf(
    brokers.refresh, (trouble) => trouble.kind === 'gone', () => Effect.andThen(make(), brokers.refresh))
  if (partitions.length !== 1) return yield* unusable(place.topic, `${topic} has ${partitions.length} partitions and must have 1`)
  const wire = yield* brokers.leader('ask', onlyPartition)
  const names = ['cleanup.policy', 'unclean.leader.election.enable', 'max.message.bytes']
  const config = yield* topicConfig(wire, topic, names)
  for (const [name, wanted] of [['cleanup.policy', cleanup], ['unclean.leader.election.enable', 'false']] as const) {
    if (config[name] === wanted) continue
    return yield* unusable(place.topic, `the setting ${name} of ${topic} is ${config[name]} and must be ${wanted}. Change it with `
      + `kafka-configs --alter --topic ${topic} --add-config`)
  }
  return Number(config['max.message.bytes'])
})
