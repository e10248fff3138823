import type * as Duration from 'effect/Duration'
import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import type { Revocation } from '../core/domain/events.ts'
import type { CommandId } from '../core/domain/ids.ts'
import type { Parts } from '../core/store/parts.ts'
import { announce } from '../core/store/write.ts'
import { LogUnavailable } from '../core/errors.ts'
import { background, bounded } from './background.ts'

/** A revocation that was heard and does not stand in the log after so long is appended by whoever heard it (I4). */
export const relayAfterMs = 2_000
const lookEveryMs = 250
const relaysPerAppendMax = 500

/** Together; and one by one where that fails, so that one that the log does not take keeps none of the others out. */
const appendAll = (
  parts: Parts, events: readonly Revocation[], onRefused: (event: Revocation) => void = () => {}
): Effect.Effect<void, LogUnavailable> => {
  const append = (some: readonly Revocation[]) => bounded(parts, Effect.suspend(() => parts.log.append(some))).pipe(
    Effect.map(({ position }) => announce(parts.broadcast, position)))
  return append(events).pipe(Effect.catchDefect((defect) => events.length === 1
    ? Effect.sync(() => {
        onRefused(events[0]!)
        parts.failures.set('relay', `a revocation that cannot be written: ${String(defect)}`)
      })
    : Effect.forEach(events, (event) => appendAll(parts, [event], onRefused), { discard: true })))
}

/** So many of them are named in a message. */
const namedMax = 10

const nameOf = (event: Revocation): string => {
  switch (event.type) {
    case 'SessionEnded': return `session ${event.session}`
    case 'SubjectRevoked': return `subject ${event.subject}`
    case 'TenantRevoked': return `tenant ${event.tenant}`
    case 'AllRevoked': return 'all'
  }
}

const unwritten = (events: readonly Revocation[]) => new LogUnavailable({
  message: `The node is closed, but the log did not take ${events.length} of its revocations: `
    + `${events.slice(0, namedMax).map(nameOf).join(', ')}${events.length > namedMax ? ', ...' : ''}. `
    + 'The nodes that heard of them go on refusing, and write them. If there are none, revoke them again after the start.'
})

/**
 * What this node still owes the log when it closes. Dies with `LogUnavailable` if the log does not take it within
 * `within`: nobody should believe in a revocation that may be gone.
 */
export const relayAtLast = (parts: Parts, within: Duration.Input): Effect.Effect<void> => Effect.gen(function*() {
  const pendingNow = () => [...parts.index.pendingEarly().values()]
  if (pendingNow().length === 0 || (parts.move?.side === 'old' && parts.move.handedOver)) return
  if (parts.index.move().sealedTo !== null) return yield* Effect.die(unwritten(pendingNow()))
  // What stands already and was only not read back yet is owed no more.
  const { barrier, log } = parts
  yield* Effect.flatMap(log.head, (head) => barrier.reached(head)).pipe(Effect.timeoutOption(within), Effect.ignore)
  const pending = pendingNow()
  if (pending.length === 0) return
  const refused: Revocation[] = []
  yield* appendAll(parts, pending, (event) => refused.push(event)).pipe(
    Effect.timeoutOrElse({ duration: within, orElse: () => Effect.fail(unwritten(pending)) }),
    Effect.catch(() => Effect.die(unwritten(pending))))
  if (refused.length > 0) yield* Effect.die(unwritten(refused))
})

/**
 * Makes every revocation heard on this node durable, also if its writer died, and this node's own if the log would not
 * take them at first. The command id is the writer's: if several nodes append it, the fold takes the first.
 */
export const startRelay = (parts: Parts): Effect.Effect<void, never, Scope.Scope> => Effect.suspend(() => {
  const { failures, index, random, time } = parts
  const due = new Map<CommandId, number>()
  /** A second or so apart, so that as a rule one node appends it and the others see it done. */
  const jitter = (): number => (random(1)[0] ?? 0) * 4

  const look = Effect.gen(function*() {
    yield* Effect.sleep(lookEveryMs)
    // Nothing stands there any more: what is owed is the successor's, or is said when the node closes.
    if (index.move().sealedTo !== null) return
    const pending = index.pendingEarly()
    const now = time.monotonic()
    for (const command of due.keys()) if (!pending.has(command)) due.delete(command)
    const overdue: Revocation[] = []
    for (const [command, event] of pending) {
      const at = due.get(command)
      if (at === undefined) due.set(command, now + relayAfterMs + jitter())
      else if (now >= at && overdue.length < relaysPerAppendMax) overdue.push(event)
    }
    if (overdue.length === 0) return
    yield* appendAll(parts, overdue)
    // Until it is folded it stays pending; it is not appended again in the meantime.
    for (const { command } of overdue) due.set(command, now + relayAfterMs)
  })
  return background(failures, 'relay', look)
})
