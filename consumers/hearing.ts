import * as Effect from 'effect/Effect'
import * as Schedule from 'effect/Schedule'
import type * as Scope from 'effect/Scope'
import { isWideRevocation, type Revocation } from '../core/domain/events.ts'
import type { CommandId } from '../core/domain/ids.ts'
import type { StoredEvent } from '../core/log/port.ts'
import { type Position, reaches, start } from '../core/log/position.ts'
import type { BroadcastShape, Message, Sender } from '../core/store/broadcast.ts'
import type { Parts } from '../core/store/parts.ts'
import { background } from './background.ts'
import { makeInbox } from './broadcast/inbox.ts'

const heartbeatEvery = '1 second'

/** What this node makes of the log's records beside folding them. */
export interface Hearing {
  readonly follow: (record: StoredEvent) => void
}

/**
 * What this node hears from the others, and tells them. Everything heard either ends sessions at once or rings the
 * log's bell (I3). A hole in a sender's numbers rings it too, for the lost message may have been a doorbell.
 */
export const startHearing = (parts: Parts): Effect.Effect<Hearing, never, Scope.Scope> => Effect.gen(function*() {
  const { broadcast, cluster, index } = parts
  /** Wide revocations to acknowledge once their own record is folded: only then are later starts covered as well. */
  const owed = new Set<CommandId>()
  const { move } = parts
  /** A node that stands by folds what another one of this process has yet to learn. */
  const acknowledge = (command: CommandId): void => {
    if (move?.side !== 'new' || move.serves) broadcast?.publish({ kind: 'applied', command })
  }

  const hearRevocation = (event: Revocation, appliedAt: Position, wanted: boolean): void => {
    const refused = index.notes().earlyRefused
    index.applyEarly(event, appliedAt)
    if (move?.side === 'new' && !move.serves) move.onHeard(event)
    // What was not remembered does not hold for sessions that are yet to start here.
    if (!wanted || index.notes().earlyRefused !== refused) return
    if (isWideRevocation(event) && index.pendingEarly().has(event.command)) owed.add(event.command)
    else acknowledge(event.command)
  }

  const follow = ({ event, partition }: StoredEvent): void => {
    if (event.type === 'Unreadable') return
    if (event.type === 'NodeAnnounced') cluster.fold(event, partition)
    else cluster.wrote(event.by)
    if (move?.side === 'new' && event.type === 'LogCopyFinished') move.onFinished()
    if (owed.size > 0 && owed.delete(event.command)) acknowledge(event.command)
  }

  if (broadcast !== null) yield* listen(parts, broadcast, hearRevocation)
  return { follow }
})

type HearRevocation = (event: Revocation, appliedAt: Position, acknowledge: boolean) => void

const listen = (parts: Parts, broadcast: BroadcastShape, hearRevocation: HearRevocation) => Effect.gen(function*() {
  const { barrier, cluster, failures, log, move, settings, time } = parts
  const inbox = makeInbox()
  const hear = (message: Message, from: Sender): void => {
    const place = inbox.accept(from)
    if (place === 'gap') log.ring()
    // Taken whatever its number: it can only take away. All else could claim what a dead node no longer does.
    if (message.kind === 'revocation') return hearRevocation(message.event, message.appliedAt, message.acknowledge)
    if (place === 'repeated' || place === 'older-incarnation') return
    const { authenticated } = broadcast
    switch (message.kind) {
      case 'news':
        if (!reaches(barrier.position(), message.position)) log.ring()
        return
      case 'applied':
        if (authenticated) cluster.acknowledged(from, message.command)
        return
      case 'heartbeat':
        if (!reaches(barrier.position(), message.position)) log.ring()
        return cluster.heard(from, authenticated ? message.position : start, message.wall)
      case 'goodbye':
        if (authenticated) cluster.left(from)
        return
    }
  }
  yield* broadcast.subscribe(hear)
  // What was said while this node could not hear is in the log.
  yield* broadcast.onConnection(() => log.ring())
  yield* background(failures, 'heartbeat', Effect.sync(() => {
    broadcast.publish({
      kind: 'heartbeat', position: move?.side === 'new' && !move.serves ? start : barrier.position(), wall: time.now(),
      serves: settings.onStale === 'serve'
    })
  }).pipe(Effect.repeat(Schedule.spaced(heartbeatEvery)), Effect.asVoid))
  yield* Effect.addFinalizer(() => Effect.sync(() => { broadcast.publish({ kind: 'goodbye' }) }))
})
