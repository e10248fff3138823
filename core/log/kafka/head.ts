import * as Effect from 'effect/Effect'
import type { LogDamaged } from '../../errors.ts'
import type { Clock } from '../../clock.ts'
import { answerMsMax, earliest, latest, type Layout, metadata, offsets } from '../../kafka/api.ts'
import type { Brokers } from '../../kafka/brokers.ts'
import type { Trouble } from '../../kafka/trouble.ts'
import { messageOf } from '../../message-of.ts'
import type { Stand } from './stand.ts'
import type { Topic } from './topic.ts'

/** Where each partition begins, with the first record that is kept, and where it ends. */
export interface Extent {
  readonly starts: readonly number[]
  readonly ends: readonly number[]
}

type Problem = Trouble | LogDamaged

/** Between two attempts, ms. */
const retryMs = 50

/** What is needed to ask where the log ends. */
export interface HeadParts {
  readonly brokers: Brokers
  readonly stand: Stand
  readonly topic: Topic
  readonly clock: Clock
}

/**
 * Where the log ends, from leaders that had not been replaced when this was asked. A leader that is cut off from the
 * other brokers answers for as long as it likes, and knows nothing of what its successor takes. But a successor can
 * acknowledge nothing before as many brokers as min.insync.replicas says know of it. So where all but fewer than that
 * say that they know of none, there was none.
 */
export const extent = (parts: HeadParts): Effect.Effect<Extent, Problem> => Effect.suspend(() => {
  const until = parts.clock.monotonic() + answerMsMax
  const attempt: Effect.Effect<Extent, Problem> = once(parts).pipe(Effect.catch((problem) => {
    const mayPass = !('_tag' in problem) && problem.kind === 'moved' && parts.clock.monotonic() < until
    return mayPass
      ? Effect.delay(Effect.andThen(Effect.ignore(parts.brokers.refresh), attempt), retryMs)
      : Effect.fail(problem)
  }))
  // The next one is to know more, without being held up by it.
  return Effect.tapError(attempt, () => Effect.sync(() => { Effect.runFork(Effect.ignore(parts.brokers.refresh)) }))
})

const once = ({ brokers, stand, topic }: HeadParts): Effect.Effect<Extent, Problem> => Effect.suspend(() => {
  const damage = stand.damage()
  if (damage !== undefined) return Effect.fail(damage)
  const stood = stand.allKnown()
  const layout = brokers.layout()
  const changed = layout && stand.laidOut(layout.partitions.length)
  if (changed !== undefined) return Effect.fail(changed)
  if (layout === undefined) return Effect.flatMap(brokers.refresh, () => Effect.fail<Trouble>(unknownLayout))
  const byLeader = Map.groupBy(layout.partitions.keys(), (partition) => layout.partitions[partition]!.leader)
  const asked = Effect.forEach(byLeader.values(), (partitions) => Effect.flatMap(
    brokers.leader('ask', partitions[0]!),
    (wire) => Effect.all([
      offsets(wire, stand.topic, partitions, latest), offsets(wire, stand.topic, partitions, earliest)
    ], { concurrency: 'unbounded' })), { concurrency: 'unbounded' })
  return Effect.flatMap(
    Effect.all([asked, confirmed(brokers, stand, topic, layout)], { concurrency: 'unbounded' }),
    ([answers]): Effect.Effect<Extent, Problem> => {
      const starts: number[] = []
      const ends: number[] = []
      for (const [ended, began] of answers) {
        for (const [partition, end] of ended) ends[partition] = end
        for (const [partition, first] of began) starts[partition] = first
      }
      for (let partition = 0; partition < stand.partitions(); partition++) {
        const wrong = stand.ends(partition, ends[partition] ?? 0, stood[partition]!)
        if (wrong !== undefined) return Effect.fail(wrong)
      }
      brokers.works()
      return Effect.succeed({ starts, ends })
    })
})

const unknownLayout: Trouble = { kind: 'moved', message: 'It is not known yet who leads the partitions.' }

/** Succeeds once so many brokers as are needed have said that each partition is led by whom we took for its leader. */
const confirmed = (
  brokers: Brokers, stand: Stand, topic: Topic, layout: Layout
): Effect.Effect<void, Problem> => Effect.callback((resume) => {
  const saying = layout.partitions.map(() => 0)
  const needed = layout.partitions.map(({ replicas }) => Math.max(1, replicas.length - topic.inSyncMin + 1))
  const holders = [...new Set(layout.partitions.flatMap(({ replicas }) => replicas))]
  let left = holders.length
  let problem: Problem | undefined
  const hear = (id: number, said: Layout): void => {
    if (stand.laidOut(said.partitions.length) !== undefined) return
    layout.partitions.forEach(({ leader, replicas }, partition) => {
      if (replicas.includes(id) && said.partitions[partition]!.leader === leader) saying[partition]!++
      else if (replicas.includes(id)) problem ??= deposed(stand.topic, partition)
    })
  }
  const fibers = holders.map((id) => {
    const wire = brokers.broker('ask', id)
    const ask = wire === undefined ? Effect.fail(unknownLayout) : metadata(wire, stand.topic)
    return Effect.runFork(Effect.match(ask, {
      onSuccess: (said) => hear(id, said),
      onFailure: (trouble) => { problem ??= trouble }
    }).pipe(
      Effect.catchDefect((defect) => Effect.sync(() => {
        problem ??= { kind: 'doubtful', message: `A broker's answer cannot be read: ${messageOf(defect)}` }
      })),
      Effect.andThen(Effect.sync(() => {
      left--
      if (stand.damage() !== undefined) resume(Effect.fail(stand.damage()!))
      else if (saying.every((count, partition) => count >= needed[partition]!)) resume(Effect.void)
      else if (left === 0) resume(Effect.fail(problem ?? unknownLayout))
    }))))
  })
  return Effect.sync(() => { for (const fiber of fibers) fiber.interruptUnsafe() })
})

const deposed = (topic: string, partition: number): Trouble => ({
  kind: 'moved', message: `Partition ${partition} of the topic ${topic} is being given to another leader.`
})
