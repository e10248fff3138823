import type { StoredEvent } from '../../core/log/port.ts'
import type { SessionId } from '../../core/domain/ids.ts'
import type { SessionState } from '../../core/domain/session.ts'
import { Facts, isAfter } from '../simulation/checker/facts.ts'
import { type Entry, sessionOf } from '../simulation/history.ts'

/** What was answered as durable and is not in the log: in words, one line for each. */
export const lostEvents = (
  entries: readonly Entry[], ids: ReadonlyMap<string, string>, records: readonly StoredEvent[],
  states: ReadonlyMap<SessionId, SessionState>
): readonly string[] => {
  const facts = new Facts(entries)
  const types = new Map<string, number>()
  const keys = new Set<string>()
  for (const { event } of records) {
    if (!('session' in event)) continue
    const name = `${event.type} ${event.session}`
    types.set(name, (types.get(name) ?? 0) + 1)
    if (event.type === 'AttributesChanged') for (const key of Object.keys(event.patch)) keys.add(`${key} ${event.session}`)
  }
  const idOf = (session: string): string | undefined => ids.get(session)
  const lost: string[] = []
  for (const [session, id] of ids) if (!types.has(`SessionStarted ${id}`)) lost.push(`the start of ${session}`)
  for (const { answered, op } of facts.of('update')) {
    if (answered?.answer.ok === true && !keys.has(`${op.key} ${idOf(op.session)}`)) lost.push(`the update ${op.key} of ${op.session}`)
  }
  for (const [kind, type] of [['rotate', 'TokenRotated'], ['reauthenticate', 'Reauthenticated']] as const) {
    const answered = new Map<string, number>()
    for (const call of facts.of(kind)) {
      const session = sessionOf(call.op.token)
      if (call.answered?.answer.ok === true) answered.set(session, (answered.get(session) ?? 0) + 1)
    }
    for (const [session, count] of answered) {
      if ((types.get(`${type} ${idOf(session)}`) ?? 0) < count) lost.push(`one of ${count} ${type} of ${session}`)
    }
  }
  for (const revoke of facts.of('revoke')) {
    if (revoke.answered === undefined) continue
    const { answer } = revoke.answered
    if (!answer.ok && answer.reason !== 'LogUnavailable, in force') continue
    // What is in force is owed to the log, which has it in the end wherever its writer or one who heard it lives.
    if (!answer.ok && facts.processes.get(revoke.process)!.ended !== undefined) continue
    for (const session of facts.sessions.values()) {
      const { answered } = session.create
      if (!facts.concerns(revoke.op.target, session) || answered?.answer.ok !== true || isAfter(answered, revoke)) continue
      const id = idOf(session.name)
      if (id !== undefined && states.get(id as SessionId)?.status === 'live') lost.push(`the end of ${session.name}`)
    }
  }
  return lost
}
