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

/**
 * The only way into the index for what the log says: every record, in order, from where the index stands. After a
 * failure it goes on from there; a record that cannot be trusted closes the fence for good.
 */
export const startTail = (
  parts: Parts, followers: readonly Follower[]
): Effect.Effect<Tail, never, Scope.Scope> => Effect.gen(function*() {
  const { index, barrier, fence, failures, log } = parts
  const fold = (batch: readonly StoredEvent[]): void => {
    for (const record of batch) {
      const outcome = index.apply(record)
      if (record.event.type !== 'Unreadable') barrier.folded(record.event, outcome)
      for (const follow of followers) follow(record)
    }
    const [distrusted] = index.distrust()
    if (distrusted !== undefined) fence.distrust(distrusted)
    barrier.advance(index.position())
  }
  const follow = Effect.suspend(() => Stream.runForEach(log.tail(index.position()), (batch) => Effect.sync(() => {
    failures.delete('tail')
    fold(batch)
  })))
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
