import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import { decide } from '../core/domain/decide.ts'
import type { DomainEvent } from '../core/domain/events.ts'
import type { SessionId } from '../core/domain/ids.ts'
import { absoluteDeadline, idleDeadline, type LiveSession } from '../core/domain/session.ts'
import { instant } from '../core/store/fence.ts'
import { type Parts, writer } from '../core/store/parts.ts'
import { announce } from '../core/store/write.ts'
import { background, bounded } from './background.ts'

const sweepEveryMs = 250
/** The whole index is walked in about this many sweeps: ten seconds. */
const sweepsPerRound = 40
const slotsPerSweepMin = 4_096
const endsPerAppendMax = 500
/**
 * The nodes' turns to record one end are spread over this long; by then the first one's record has reached the others.
 */
const spreadMs = 5_000
/** So long no ends are recorded after this node's wall clock jumped, or while it disagrees with the others'. */
const holdAfterJumpMs = 60_000

/** A number in [0, 1) that differs from node to node, the same each time (FNV-1a). */
const turn = (node: string, session: SessionId): number => {
  let hash = 0x811c9dc5
  for (const text of [node, session]) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  return (hash >>> 0) / 2 ** 32
}

/** When this node's turn comes to record that the session is over. An activity batch may be on its way for a while. */
export const dueAt = (node: string, session: LiveSession, reason: 'idle' | 'absolute'): number => {
  const deadline = reason === 'idle' ? idleDeadline(session) : absoluteDeadline(session)
  const slack = reason === 'idle' ? Math.min(session.limits.idle / 10, 60_000) : 0
  return deadline + slack + turn(node, session.id) * spreadMs
}

/**
 * Records in the log that sessions are past a limit. Nobody depends on it to refuse them; it is for the audit trail,
 * the lists and the memory. Each node waits for its own turn, so that as a rule one records it and the others see it
 * done. A node that is stale, or whose clock is in doubt, records nothing: and if it did, the fold would ignore ends
 * that the log's own times do not bear out.
 */
export const startSweeper = (parts: Parts): Effect.Effect<void, never, Scope.Scope> => Effect.suspend(() => {
  const { cluster, failures, fence, index, log, settings, time } = parts
  let drift = time.drift()
  let holdUntil = Number.NEGATIVE_INFINITY

  const clockInDoubt = (monotonic: number): boolean => {
    const before = drift
    drift = time.drift()
    const skewed = cluster.others().some(({ skewMs }) => Math.abs(skewMs ?? 0) > settings.maxClockSkewMs)
    if (skewed || Math.abs(drift - before) > settings.maxClockSkewMs) holdUntil = monotonic + holdAfterJumpMs
    return monotonic < holdUntil
  }

  const sweep = Effect.gen(function*() {
    yield* Effect.sleep(sweepEveryMs)
    const at = instant(time)
    const { live, ended } = index.size()
    const now = Math.floor(at.wall)
    const most = Math.max(slotsPerSweepMin, Math.ceil((live + ended) * 1.5 / sweepsPerRound))
    const { expired } = index.sweep(now, most)
    if (clockInDoubt(at.monotonic) || fence.isStale(at.monotonic, at.wall)) return
    // While a log is copied it may lack the activity that the next records bring.
    if (index.distrust().length > 0 || index.move().sealedTo !== null) return
    const events: DomainEvent[] = []
    for (const { session, reason } of expired) {
      if (events.length === endsPerAppendMax) break
      if (now < dueAt(parts.node, session, reason)) continue
      const decision = decide({ type: 'End', reason, actor: null }, session, writer(parts))
      if (decision.ok) events.push(...decision.events)
    }
    if (events.length === 0) return
    const { position } = yield* bounded(parts, log.append(events))
    announce(parts.broadcast, position)
    // Seen folded before the next round, so that none of them is recorded again.
    yield* parts.barrier.reached(position)
  })
  return background(failures, 'sweeper', sweep)
})
