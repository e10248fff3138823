import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import { type NodeAnnounced, schemaVersion } from '../core/domain/events.ts'
import { type Parts, writer } from '../core/store/parts.ts'
import { announce } from '../core/store/write.ts'
import type { LogUnavailable } from '../core/errors.ts'
import type { StoredEvent } from '../core/log/port.ts'
import { background, bounded } from './background.ts'
import { announceEveryMs } from './membership.ts'

const announcement = (parts: Parts, state: 'joins' | 'leaves'): NodeAnnounced => ({
  type: 'NodeAnnounced', v: schemaVersion, ...writer(parts), ignorable: true, incarnation: parts.incarnation, state,
  fencesAfterMs: parts.settings.onStale === 'serve' ? null : parts.settings.maxStalenessMs,
  ...(parts.move?.side === 'old' ? { moves: true as const } : {})
})

/** Tells the log that this node is there, or no longer. */
export const announceNode = (parts: Parts, state: 'joins' | 'leaves') =>
  Effect.suspend(() => parts.log.append([announcement(parts, state)])).pipe(
    Effect.tap(({ position }) => Effect.sync(() => announce(parts.broadcast, position))),
    Effect.map(({ position }) => position))

/** So many processes that took this one's name are answered. */
const namesakesMax = 100

/** How a node makes itself known by the log. */
export interface Announcing {
  /**
   * Tells the log that this node is there before it validates anything, so that whoever confirms a revocation counts
   * it; and again from time to time, lest a node that writes nothing be taken for dead. Fails if the log takes no
   * writes: a node that nobody counts must not validate.
   */
  readonly start: Effect.Effect<void, LogUnavailable, Scope.Scope>
  /** Another process came under this node's name: it is told that the name is taken, or only one would know. */
  readonly follow: (record: StoredEvent) => void
}

export const makeAnnouncing = (parts: Parts): Announcing => {
  const join = bounded(parts, announceNode(parts, 'joins'))
  const answered = new Set<string>()
  const joinedIn = new Set<number>()
  let wake: () => void = () => {}
  const called = Effect.callback<void>((resume) => {
    wake = () => resume(Effect.void)
    return Effect.sync(() => { wake = () => {} })
  })
  // The log always has an announcement of everybody who lives.
  const everyMs = Math.min(announceEveryMs, (parts.log.retentionMs ?? Infinity) / 4)
  const again = Effect.timeoutOption(called, everyMs).pipe(Effect.andThen(join), Effect.asVoid)
  return {
    start: Effect.andThen(join, background(parts.failures, 'announce', again)),
    follow: ({ event, partition }) => {
      if (event.type !== 'NodeAnnounced' || event.by !== parts.node || event.state !== 'joins') return
      // Those that stand before this one are its former lives.
      if (event.incarnation === parts.incarnation) joinedIn.add(partition)
      else if (joinedIn.has(partition) && answered.size < namesakesMax && !answered.has(event.incarnation)) {
        answered.add(event.incarnation)
        wake()
      }
    }
  }
}
