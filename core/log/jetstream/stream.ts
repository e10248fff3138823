import * as Effect from 'effect/Effect'
import { type LogUnavailable, LogUnusable } from '../../errors.ts'
import { payloadBytesMin } from './appends.ts'
import { createStream, type StreamInfo, streamInfo } from './api.ts'
import type { Link } from './link.ts'
import type { Checked } from './options.ts'
import { unfitSetting, wantedConfig } from './settings.ts'
import { type Trouble, unavailable } from './trouble.ts'

/** The server's own numbers of errors. */
const streamNotFound = 10_059
const nameInUse = 10_058
/** JetStream has no leader yet, or too few servers have joined: as a NATS cluster starts. */
const notReady = [10_008, 10_009, 10_005]

/** So long JetStream may take to get ready. */
const readyWithin = '15 seconds'
const retryEvery = '250 millis'
const replicasOfCluster = 3

type Problem = Trouble | LogUnusable

/** The stream that is the log: found and fit, or made. */
export const openStream = (link: Link, checked: Checked): Effect.Effect<StreamInfo, LogUnusable | LogUnavailable> => {
  let last: Trouble | undefined
  const attempt: Effect.Effect<StreamInfo, Problem> = Effect.suspend(() => findOrMake(link, checked)).pipe(
    Effect.catch((problem): Effect.Effect<StreamInfo, Problem> => {
      if ('_tag' in problem || !isPassing(problem)) return Effect.fail(problem)
      last = problem
      return Effect.delay(attempt, retryEvery)
    }))
  return attempt.pipe(
    Effect.mapError((problem) => '_tag' in problem ? problem : unusable(checked, problem)),
    Effect.timeoutOrElse({
      duration: readyWithin,
      orElse: () => Effect.fail(unavailable(last ?? { kind: 'silent', message: 'JetStream did not answer.' }))
    }))
}

const isPassing = ({ kind, code = 0 }: Trouble): boolean => kind !== 'refused' || notReady.includes(code)

const findOrMake = (link: Link, checked: Checked): Effect.Effect<StreamInfo, Problem> => {
  const { max_payload: bytes = payloadBytesMin, cluster } = link.server()
  if (bytes < payloadBytesMin) {
    return Effect.fail(new LogUnusable({
      message: `The log's NATS server takes messages of ${bytes} bytes and must take ${payloadBytesMin}: `
        + 'set max_payload in its configuration.'
    }))
  }
  const wanted = wantedConfig(checked, checked.replicas ?? (cluster === undefined ? 1 : replicasOfCluster))
  const make: Effect.Effect<StreamInfo, Problem> = checked.create ? createStream(link, wanted) : Effect.fail(absent(checked))
  return streamInfo(link, checked.stream).pipe(
    Effect.catchIf(({ code }) => code === streamNotFound, () => Effect.catchIf(
      make,
      // Another node was quicker, and made it otherwise.
      (problem) => !('_tag' in problem) && problem.code === nameInUse, () => streamInfo(link, checked.stream))),
    Effect.flatMap((info) => {
      const unfit = unfitSetting(info.config, checked)
      return unfit === undefined ? Effect.succeed(info) : Effect.fail(new LogUnusable({
        message: `The stream ${checked.stream} cannot be the log: ${unfit}. Change it with: nats stream edit `
          + `${checked.stream} (or name another stream with the option stream).`
      }))
    }))
}

const absent = ({ stream }: Checked): LogUnusable => new LogUnusable({
  message: `There is no stream ${stream} on these servers. Look at the options cluster and stream: nats stream ls`
})

const unusable = ({ stream }: Checked, { message }: Trouble): LogUnusable => new LogUnusable({
  message: `The stream ${stream} can neither be used nor made: ${message} `
    + 'Look at the account\'s permissions and limits, and at the options cluster, stream and replicas.'
})
