import { isWideRevocation } from '../../core/domain/events.ts'
import type { CommandId, SessionId } from '../../core/domain/ids.ts'
import { absoluteDeadline, evolve, idleDeadline, initial, type SessionState } from '../../core/domain/session.ts'
import type { Session } from '../../core/domain/verdict.ts'
import type { StoredEvent } from '../../core/log/port.ts'

/** What each session comes to by the log alone. */
export const foldOf = (records: Iterable<StoredEvent>): ReadonlyMap<SessionId, SessionState> => {
  const states = new Map<SessionId, { readonly partition: number; state: SessionState }>()
  const commands = new Set<string>()
  const sealed = new Set<number>()
  for (const { partition, event } of records) {
    if (sealed.has(partition)) continue
    if (event.type === 'Unreadable') throw new Error(`the nodes wrote what cannot be read: ${event.detail}`)
    if (event.type === 'AnomalyDetected' || event.type === 'NodeAnnounced') continue
    if (event.type === 'LogSealed') sealed.add(partition)
    if ('session' in event) {
      const known = states.get(event.session) ?? { partition, state: initial }
      known.state = evolve(known.state, event)
      states.set(event.session, known)
      continue
    }
    const key = `${partition} ${event.command satisfies CommandId}`
    if (isWideRevocation(event) && commands.has(key)) continue
    commands.add(key)
    for (const known of states.values()) if (known.partition === partition) known.state = evolve(known.state, event)
  }
  return new Map([...states].map(([id, { state }]) => [id, state]))
}

/** All of it, in one order: tokens and their grace, limits, versions, what was seen, or what it died of. */
export const stateText = (state: SessionState): string => {
  if (state.status !== 'live') return JSON.stringify(state)
  const sorted = Object.keys(state).sort().map((key) => [key, state[key as keyof typeof state]])
  return JSON.stringify(Object.fromEntries(sorted))
}

/** What the log says of a session at that time, as text; undefined: it is too near to a deadline to say. */
export const loggedText = (state: SessionState = initial, wall: number, nearMs: number): string | undefined => {
  if (state.status !== 'live') return 'none'
  const deadline = Math.min(absoluteDeadline(state), idleDeadline(state))
  if (Math.abs(deadline - wall) < nearMs) return undefined
  return wall < deadline ? text(state, state.current.authentication) : 'none'
}

/** What a node holds of it, as the same text. */
export const heldText = (held: Session | undefined): string =>
  held === undefined ? 'none' : text(held, held.authentication)

type Told = 'subject' | 'tenant' | 'version' | 'startedAt' | 'lastSeenAt' | 'device' | 'attributes'
const text = (
  { subject, tenant, version, startedAt, lastSeenAt, device, attributes }: { readonly [K in Told]: unknown },
  authentication: unknown
): string =>
  JSON.stringify({ subject, tenant, version, startedAt, lastSeenAt, device, attributes: { ...attributes as object }, authentication })
