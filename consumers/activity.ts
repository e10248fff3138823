import * as Effect from 'effect/Effect'
import * as Schedule from 'effect/Schedule'
import type * as Scope from 'effect/Scope'
import { type ActivityRecorded, schemaVersion } from '../core/domain/events.ts'
import type { SessionId } from '../core/domain/ids.ts'
import type { Position } from '../core/log/position.ts'
import { isBehindSeal } from '../core/store/log-move.ts'
import { type Parts, writer } from '../core/store/parts.ts'
import { announce } from '../core/store/write.ts'
import { background, bounded } from './background.ts'

/**
 * At least one batch in this share of the idle limit, so that others know the last-seen long before it matters (I6).
 */
const batchesPerIdle = 10
const batchEveryMsMax = 60_000
const batchSize = 1_000

type Activities = ReadonlyArray<readonly [SessionId, number]>

/** What the activity consumer offers to the node. */
export interface Activity {
  /** A session came back after a long pause: others must know at once. */
  readonly returned: () => void
  /** Writes what is collected, for the last time before the node closes. */
  readonly flush: Effect.Effect<void>
  /**
   * What was seen here and does not surely stand in the log, for the node that goes on in another log. From then on
   * nothing is written here.
   */
  readonly handOver: () => Activities
}

/**
 * Writes what this node saw of its sessions, coalesced: one event for many sessions, whatever the number of requests. A
 * batch that the log did not take is tried again with the same command id, and grows no older than the limit allows
 * only if the log comes back in time; that is in `failures`.
 */
export const startActivity = (parts: Parts): Effect.Effect<Activity, never, Scope.Scope> => Effect.gen(function*() {
  const { barrier, failures, index, log, move, settings } = parts
  let wake: () => void = () => {}
  let urgent = false

  const append = (event: ActivityRecorded) => bounded(parts, log.append([event])).pipe(
    Effect.tapError((error) => Effect.sync(() => { failures.set('activity', error.message) })),
    Effect.tap(({ position }) => Effect.sync(() => {
      failures.delete('activity')
      announce(parts.broadcast, position)
      if (move?.side === 'old') keepUntilFolded(event, position)
    })))

  /** In a log that may be sealed at any moment: batches that may yet turn out to stand behind the seal. */
  const unsure = new Set<ActivityRecorded>()
  const keepUntilFolded = (event: ActivityRecorded, position: Position): void => {
    unsure.add(event)
    barrier.whenReached(position, () => { if (!isBehindSeal(index.move(), position)) unsure.delete(event) })
  }

  /** The batch that the log has yet to take: closing does not forget it. */
  let held: ActivityRecorded | undefined
  const batch = (): ActivityRecorded | undefined => {
    if (held !== undefined) return held
    if (index.move().sealedTo !== null) return undefined
    const seen = index.takeActivity(batchSize)
    return seen.length === 0
      ? undefined
      : { type: 'ActivityRecorded', v: schemaVersion, ...writer(parts), seen: seen.map(([id, at]) => [id, at]) }
  }

  const drain: Effect.Effect<void> = Effect.gen(function*() {
    for (let event = batch(); event !== undefined; event = batch()) {
      held = event
      yield* append(event).pipe(Effect.retry(Schedule.spaced('250 millis')), Effect.ignore)
      held = undefined
    }
  })

  const called = Effect.callback<void>((resume) => {
    if (urgent) return resume(Effect.void)
    wake = () => resume(Effect.void)
    return Effect.sync(() => { wake = () => {} })
  })
  // Other nodes may run with other limits: the shortest that any session has counts.
  const batchEveryMs = () =>
    Math.min(batchEveryMsMax, Math.min(settings.limits.idle, index.shortestIdleMs()) / batchesPerIdle)
  yield* background(failures, 'activity', Effect.suspend(() => Effect.timeoutOption(called, batchEveryMs())).pipe(
    Effect.tap(() => Effect.sync(() => { urgent = false })),
    Effect.andThen(drain)))

  return {
    returned: () => {
      urgent = true
      wake()
    },
    flush: drain,
    handOver: () => {
      const seen: Array<readonly [SessionId, number]> = []
      for (const event of held === undefined ? unsure : [...unsure, held]) seen.push(...event.seen)
      for (let some = index.takeActivity(batchSize); some.length > 0; some = index.takeActivity(batchSize)) seen.push(...some)
      return seen
    }
  }
})
