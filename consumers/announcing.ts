import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import * as Result from 'effect/Result'
import type * as Scope from 'effect/Scope'
import { type NodeAnnounced, schemaVersion } from '../core/domain/events.ts'
import { type Parts, writer } from '../core/store/parts.ts'
import { announce } from '../core/store/write.ts'
import { background } from './background.ts'
import { announceEveryMs } from './membership.ts'

const announcement = (parts: Parts, state: 'joins' | 'leaves'): NodeAnnounced => ({
  type: 'NodeAnnounced', v: schemaVersion, ...writer(parts), ignorable: true, incarnation: parts.incarnation, state,
  fencesAfterMs: parts.settings.onStale === 'serve' ? null : parts.settings.maxStalenessMs
})

/** Tells the log that this node is there, or no longer. */
export const announceNode = (parts: Parts, state: 'joins' | 'leaves') =>
  parts.log.append([announcement(parts, state)]).pipe(
    Effect.tap(({ position }) => Effect.sync(() => announce(parts.log, parts.broadcast, position))),
    Effect.map(({ position }) => position))

/**
 * Tells the log that this node is there before it validates anything, so that whoever confirms a revocation counts it;
 * and again from time to time, lest a node that writes nothing be taken for dead. A log that takes no writes for now does
 * not keep a node from validating: that is in `health().failures`, and tried again until it stands.
 */
export const startAnnouncing = (parts: Parts): Effect.Effect<void, never, Scope.Scope> => Effect.gen(function*() {
  const { failures, settings } = parts
  const join = announceNode(parts, 'joins').pipe(
    Effect.tapError((error) => Effect.sync(() => { failures.set('announce', error.message) })),
    Effect.tap(() => Effect.sync(() => { failures.delete('announce') })))
  const joined = yield* join.pipe(Effect.timeoutOption(settings.writeTimeoutMs), Effect.result)
  const first = Result.isSuccess(joined) && Option.isSome(joined.success) ? announceEveryMs : 0
  let pause = first
  yield* background(failures, 'announce', Effect.suspend(() => Effect.sleep(pause)).pipe(
    Effect.andThen(join),
    Effect.tap(() => Effect.sync(() => { pause = announceEveryMs })),
    Effect.asVoid))
})
