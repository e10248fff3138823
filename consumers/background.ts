import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import { LogUnavailable } from '../core/errors.ts'
import type { Failures, Parts } from '../core/store/parts.ts'

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

/**
 * An append that gets no answer must not hold up its consumer for good: it is given up, and tried again in its turn.
 */
export const bounded = <A>(parts: Parts, append: Effect.Effect<A, LogUnavailable>): Effect.Effect<A, LogUnavailable> =>
  append.pipe(Effect.timeoutOrElse({
    duration: parts.settings.writeTimeoutMs,
    orElse: () => Effect.fail(new LogUnavailable({
      message: `The log did not answer an append within ${parts.settings.writeTimeoutMs} ms (option writeTimeout).`
    }))
  }))

/** One line of a cause. Errors of this project never hold a token, so their messages may be shown. */
const describe = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
