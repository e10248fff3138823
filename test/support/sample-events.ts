import type { ActivityRecorded, AllRevoked, SessionEnded } from '../../core/domain/events.ts'
import type { CommandId, SessionId } from '../../core/domain/ids.ts'

/** A valid session id of one's own for each number. */
export const sessionIdOf = (n: number): SessionId =>
  `01970000-0000-7000-8000-${n.toString(16).padStart(12, '0')}` as SessionId

/** An event of one subject, told from all others by its command. Events of the same subject keep their order. */
export const eventOf = (subject: string, command: string): SessionEnded => ({
  v: 1, type: 'SessionEnded', at: 1_750_000_000_000, by: 'app-1', command: command as CommandId,
  session: sessionIdOf(1), subject, tenant: null, reason: 'logout'
})

/** The same for a whole list, in order: commands `${prefix}0`, `${prefix}1`, ... */
export const eventsOf = (subject: string, prefix: string, count: number): readonly SessionEnded[] =>
  Array.from({ length: count }, (_, i) => eventOf(subject, `${prefix}${i}`))

/** An event that concerns sessions of all partitions. */
export const wideEventOf = (command: string): AllRevoked => ({
  v: 1, type: 'AllRevoked', at: 1_750_000_000_000, by: 'app-1', command: command as CommandId,
  before: null, reason: 'revoked'
})

/** A batch of activity of so many sessions, about 54 bytes each. */
export const activityOf = (command: string, sessions: number): ActivityRecorded => ({
  v: 1, type: 'ActivityRecorded', at: 1_750_000_000_000, by: 'app-1', command: command as CommandId,
  seen: Array.from({ length: sessions }, (_, i) => [sessionIdOf(i), 1_750_000_000_000 + i] as const)
})
