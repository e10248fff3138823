import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Stream from 'effect/Stream'
import type * as Scope from 'effect/Scope'
import type { LogDamaged, LogUnavailable } from '../core/errors.ts'
import type { StoredEvent } from '../core/log/port.ts'
import type { Parts } from '../core/store/parts.ts'
import { background } from './background.ts'

/** What else on this node wants to see each event, once it is folded. Must not throw. */
export type Follower = (record: StoredEvent) => void

/** What the tail tells the one who opens the node. */
export interface Tail {
  /** Fails at the first record that cannot be trusted; never succeeds. */
  readonly damaged: Effect.Effect<never, LogDamaged>
}

/** So long it folds before the event loop gets its turn, ms; and after so many records it looks at the clock. */
const turnMs = 4
const turnStep = 16

/**
 * The only way into the index for what the log says: every record, in order, from where the index stands. After a
 * failure it goes on from there; a record that cannot be trusted closes the fence for good.
 */
export const startTail = (
  parts: Parts, followers: readonly Follower[]
): Effect.Effect<Tail, never, Scope.Scope> => Effect.gen(function*() {
  const { index, barrier, fence, failures, log, time } = parts
  /** From the `first` of a batch on, until the turn is over. Returns the first that is left. */
  const fold = (batch: readonly StoredEvent[], first: number): number => {
    const until = time.monotonic() + turnMs
    let next = first
    while (next < batch.length) {
      const record = batch[next++]!
      const outcome = index.apply(record)
      if (record.event.type !== 'Unreadable') barrier.folded(record.event, outcome)
      for (const follow of followers) follow(record)
      if (next % turnStep === 0 && time.monotonic() >= until) break
    }
    fence.hold(index.distrust()[0] ?? null)
    barrier.advance(index.position())
    return next
  }
  /** Between turns the event loop gets its own. Whatever was folded by then counts as applied. */
  const foldAll = (batch: readonly StoredEvent[], first: number): Effect.Effect<void> => Effect.suspend(() => {
    const next = fold(batch, first)
    return next === batch.length ? Effect.void : Effect.andThen(Effect.yieldNow, foldAll(batch, next))
  })
  const follow = Effect.suspend(() => Stream.runForEach(log.tail(index.position()), (batch) => {
    failures.delete('tail')
    return foldAll(batch, 0)
  }))
  const unavailable = (error: LogUnavailable) =>
    Effect.sync(() => { failures.set('tail', error.message) }).pipe(Effect.andThen(Effect.sleep('100 millis')))
  const damaged = yield* Deferred.make<never, LogDamaged>()
  yield* background(failures, 'tail', follow.pipe(
    Effect.catchTag('LogUnavailable', unavailable),
    Effect.catchTag('LogDamaged', (damage) => Effect.sync(() => {
      fence.distrust(damage.message)
      failures.set('tail', damage.message)
      Deferred.doneUnsafe(damaged, Exit.fail(damage))
    }).pipe(Effect.andThen(Effect.never)))))
  return { damaged: Deferred.await(damaged) }
})
