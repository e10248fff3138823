import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import { type NodeAnnounced, schemaVersion } from '../core/domain/events.ts'
import { type Parts, writer } from '../core/store/parts.ts'
import { announce } from '../core/store/write.ts'
import type { LogUnavailable } from '../core/errors.ts'
import { background, bounded } from './background.ts'
import { announceEveryMs } from './membership.ts'

const announcement = (parts: Parts, state: 'joins' | 'leaves'): NodeAnnounced => ({
  type: 'NodeAnnounced', v: schemaVersion, ...writer(parts), ignorable: true, incarnation: parts.incarnation, state,
  fencesAfterMs: parts.settings.onStale === 'serve' ? null : parts.settings.maxStalenessMs
})

/** Tells the log that this node is there, or no longer. */
export const announceNode = (parts: Parts, state: 'joins' | 'leaves') =>
  Effect.suspend(() => parts.log.append([announcement(parts, state)])).pipe(
    Effect.tap(({ position }) => Effect.sync(() => announce(parts.broadcast, position))),
    Effect.map(({ position }) => position))

/**
 * Tells the log that this node is there before it validates anything, so that whoever confirms a revocation counts it;
 * and again from time to time, lest a node that writes nothing be taken for dead. Fails if the log takes no writes: a
 * node that nobody counts must not validate.
 */
export const startAnnouncing = (parts: Parts): Effect.Effect<void, LogUnavailable, Scope.Scope> =>
  Effect.gen(function*() {
    const join = bounded(parts, announceNode(parts, 'joins'))
    yield* join
    yield* background(
      parts.failures,
      'announce',
      Effect.sleep(announceEveryMs).pipe(Effect.andThen(join), Effect.asVoid)
    )
  })
