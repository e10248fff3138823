import * as Effect from 'effect/Effect'
import { LogUnusable, type LogUnavailable } from '../../errors.ts'
import { type Layout, topicConfig } from '../../kafka/api.ts'
import type { Brokers } from '../../kafka/brokers.ts'
import { makeTopic } from '../../kafka/topics.ts'
import type { Trouble } from '../../kafka/trouble.ts'
import { type Checked, partitionsMax } from './options.ts'
import { settingNames, unfitSetting, wantedConfig } from './settings.ts'
import { unavailable } from './unavailable.ts'

/** What a topic that is fit to be the log is like. */
export interface Topic {
  readonly partitions: number
  readonly replicas: number
  /** So many brokers must have an append before it is acknowledged. */
  readonly inSyncMin: number
  /** What it takes at once. */
  readonly bytesMax: number
}

/** The brokers may take so long to answer at all, and so long to get ready. */
const reachWithin = '3 seconds'
const readyWithin = '15 seconds'
const retryEvery = '100 millis'

/** More is never sent at once, whatever the topic takes: a broker would close the connection. */
const batchBytesMax = 16_777_216

type Problem = Trouble | LogUnusable

/** The topic that is the log: found and fit, or made. */
export const openTopic = (brokers: Brokers, checked: Checked): Effect.Effect<Topic, LogUnusable | LogUnavailable> => {
  let last: Trouble | undefined
  /** Again and again, for as long as it may pass. */
  const insist = <A>(work: Effect.Effect<A, Problem>): Effect.Effect<A, Problem> => work.pipe(
    Effect.catch((problem): Effect.Effect<A, Problem> => {
      if ('_tag' in problem || !isPassing(problem)) return Effect.fail(problem)
      last = problem
      return Effect.delay(insist(work), retryEvery)
    }))
  const within = <A>(duration: '3 seconds' | '15 seconds', work: Effect.Effect<A, Problem>) => work.pipe(
    Effect.mapError((problem) => '_tag' in problem ? problem : asError(checked, problem)),
    Effect.timeoutOrElse({
      duration,
      orElse: () => Effect.fail(unavailable(last ?? { kind: 'silent', message: "The Kafka brokers did not answer." }))
    }))
  const found = brokers.refresh.pipe(Effect.asVoid, Effect.catchIf(({ kind }) => kind === 'gone', () => Effect.void))
  // Whether anybody is there is known soon. What then is not yet ready gets its time.
  return Effect.andThen(within(reachWithin, insist(found)), within(readyWithin, insist(findOrMake(brokers, checked))))
}

const isPassing = ({ kind }: Trouble): boolean => kind !== 'refused' && kind !== 'large'

const findOrMake = (brokers: Brokers, checked: Checked): Effect.Effect<Topic, Problem> => brokers.refresh.pipe(
  Effect.catchIf(({ kind }) => kind === 'gone', () => Effect.andThen(make(brokers, checked), brokers.refresh)),
  Effect.flatMap((layout) => check(brokers, checked, layout)))

const make = (brokers: Brokers, checked: Checked): Effect.Effect<void, Problem> => {
  if (!checked.create) {
    return Effect.fail(new LogUnusable({
      message: `There is no topic ${checked.topic} on these brokers. Look at the options cluster and topic: kafka-topics --list`
    }))
  }
  return makeTopic(brokers, checked, (replicas) => wantedConfig(checked, replicas))
}

const check = (brokers: Brokers, checked: Checked, { partitions }: Layout): Effect.Effect<Topic, Problem> => {
  const { topic } = checked
  const replicas = Math.min(...partitions.map((partition) => partition.replicas.length))
  if (partitions.length === 0 || partitions.length > partitionsMax) {
    return unfit(topic, `it has ${partitions.length} partitions and may have 1 to ${partitionsMax}`)
  }
  if (checked.partitions !== undefined && partitions.length !== checked.partitions) {
    return unfit(topic, `it has ${partitions.length} partitions and must have ${checked.partitions} (option partitions), `
      + 'which cannot be changed')
  }
  if (checked.replicas !== undefined && replicas !== checked.replicas) {
    return unfit(topic, `it has ${replicas} replicas and must have ${checked.replicas} (option replicas)`)
  }
  return Effect.gen(function*() {
    const wire = yield* brokers.leader('ask', 0)
    const config = yield* topicConfig(wire, topic, settingNames(checked))
    const wrong = unfitSetting(config, checked, replicas)
    if (wrong !== undefined) {
      return yield* unfit(topic, `${wrong}. Change it with: kafka-configs --alter --topic ${topic} --add-config`)
    }
    return {
      partitions: partitions.length, replicas,
      inSyncMin: Number(config['min.insync.replicas']), bytesMax: Math.min(Number(config['max.message.bytes']), batchBytesMax)
    }
  })
}

const unfit = (topic: string, why: string): Effect.Effect<never, LogUnusable> => Effect.fail(new LogUnusable({
  message: `The topic ${topic} cannot be the log: ${why} (or name another topic with the option topic).`
}))

/** Who is not let in may be so later. What is not allowed once in, or cannot be, is for the owner to change. */
const asError = ({ topic }: Checked, trouble: Trouble): LogUnusable | LogUnavailable =>
  trouble.kind === 'unconnected' ? unavailable(trouble) : new LogUnusable({
    message: `The topic ${topic} can neither be used nor made: ${trouble.message} `
      + 'Look at what this user may do there, and at the options cluster, topic, partitions and replicas.'
  })
