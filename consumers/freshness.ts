import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import type * as Scope from 'effect/Scope'
import { LogUnavailable } from '../core/errors.ts'
import { reaches } from '../core/log/position.ts'
import { instant } from '../core/store/fence.ts'
import type { CatchUp, Parts } from '../core/store/parts.ts'
import { logSealed } from '../core/store/sealed.ts'
import { background } from './background.ts'

/** A probe is due this often for each maxStaleness, so that a few may fail before the fence closes. */
const probesPerStaleness = 10
const probeEveryMsMax = 500

/**
 * Learns the freshness of this node from the log itself (I5): takes the time, asks for the head, waits until all up to
 * there is folded. By the clock, and at once for whoever asks; those who ask while a probe is under way share the next,
 * because the head that this one has asked for may be older than their question.
 */
export const startFreshness = (parts: Parts): Effect.Effect<CatchUp, never, Scope.Scope> => Effect.gen(function*() {
  const { barrier, failures, fence, index, log, settings, time } = parts
  let asking: Array<Deferred.Deferred<void, LogUnavailable>> = []
  let wake: () => void = () => {}

  const probe = Effect.gen(function*() {
    const asked = instant(time)
    const head = yield* log.head
    if (!reaches(barrier.position(), head)) log.ring()
    yield* barrier.reached(head)
    // Behind a seal this log no longer tells what has happened since.
    const { sealedTo } = index.move()
    if (sealedTo !== null) return yield* Effect.fail(logSealed(sealedTo))
    fence.freshen(asked)
  }).pipe(
    Effect.timeoutOrElse({
      duration: Math.max(settings.maxStalenessMs, 1_000),
      orElse: () =>
        Effect.fail(new LogUnavailable({ message: 'The log did not say where its head is, or did not deliver it.' }))
    })
  )

  const asked = Effect.callback<void>((resume) => {
    if (asking.length > 0) return resume(Effect.void)
    wake = () => resume(Effect.void)
    return Effect.sync(() => { wake = () => {} })
  })
  const probeEveryMs = Math.min(probeEveryMsMax, settings.maxStalenessMs / probesPerStaleness)

  const round = Effect.gen(function*() {
    const sharing = asking
    asking = []
    const exit = yield* Effect.exit(probe)
    if (Exit.isSuccess(exit)) {
      failures.delete('freshness')
      failures.delete('tail')
    }
    else failures.set('freshness', 'The last comparison with the head of the log failed.')
    for (const deferred of sharing) Deferred.doneUnsafe(deferred, exit)
    yield* Effect.timeoutOption(asked, probeEveryMs)
  })
  yield* background(failures, 'freshness', round)

  return {
    now: Effect.suspend(() => {
      const deferred = Deferred.makeUnsafe<void, LogUnavailable>()
      asking.push(deferred)
      wake()
      return Deferred.await(deferred)
    })
  }
})
