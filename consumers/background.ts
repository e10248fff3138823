import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import type { Failures } from '../core/store/parts.ts'

/** So long after it died a background fiber is started again. */
const restartAfter = '1 second'

/**
 * Runs `work` until the scope closes. If it fails or dies, its reason stands in `failures` (and so in `health()`) until
 * it has been started again; the fence tells the rest, for a node whose tail stands still does not become fresh.
 */
export const background = <E>(
  failures: Failures, name: string, work: Effect.Effect<void, E>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.suspend(() => work).pipe(
    Effect.catchCause((cause) => Cause.hasInterruptsOnly(cause)
      ? Effect.failCause(cause as Cause.Cause<never>)
      : Effect.sync(() => { failures.set(name, describe(cause)) }).pipe(
        Effect.andThen(Effect.sleep(restartAfter)),
        Effect.andThen(Effect.sync(() => { failures.delete(name) })))),
    Effect.forever,
    Effect.forkScoped({ startImmediately: true }),
    Effect.asVoid
  )

/** One line of a cause. Errors of this project never hold a token, so their messages may be shown. */
const describe = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
