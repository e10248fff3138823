import * as Effect from 'effect/Effect'
import * as Schedule from 'effect/Schedule'
import type * as Scope from 'effect/Scope'
import { type ActivityRecorded, schemaVersion } from '../core/domain/events.ts'
import { type Parts, writer } from '../core/store/parts.ts'
import { announce } from '../core/store/write.ts'
import { background, bounded } from './background.ts'

/**
 * At least one batch in this share of the idle limit, so that others know the last-seen long before it matters (I6).
 */
const batchesPerIdle = 10
const batchEveryMsMax = 60_000
const batchSize = 1_000

/** What the activity consumer offers to the node. */
export interface Activity {
  /** A session came back after a long pause: others must know at once. */
  readonly returned: () => void
  /** Writes what is collected, for the last time before the node closes. */
  readonly flush: Effect.Effect<void>
}

/**
 * Writes what this node saw of its sessions, coalesced: one event for many sessions, whatever the number of requests. A
 * batch that the log did not take is tried again with the same command id, and grows no older than the limit allows
 * only if the log comes back in time; that is in `failures`.
 */
export const startActivity = (parts: Parts): Effect.Effect<Activity, never, Scope.Scope> => Effect.gen(function*() {
  const { failures, index, log, settings } = parts
  let wake: () => void = () => {}
  let urgent = false

  const append = (event: ActivityRecorded) => bounded(parts, log.append([event])).pipe(
    Effect.tapError((error) => Effect.sync(() => { failures.set('activity', error.message) })),
    Effect.tap(({ position }) => Effect.sync(() => {
      failures.delete('activity')
      announce(parts.broadcast, position)
    })))

  /** The batch that the log has yet to take: closing does not forget it. */
  let held: ActivityRecorded | undefined
  const batch = (): ActivityRecorded | undefined => {
    if (held !== undefined) return held
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
    flush: drain
  }
})
