import type { StoredEvent } from '../../core/log/port.ts'
import { isWideRevocation } from '../../core/domain/events.ts'
import type { SessionId } from '../../core/domain/ids.ts'
import type { SessionState } from '../../core/domain/session.ts'
import { Facts, isAfter } from '../simulation/checker/facts.ts'
import { type Entry, sessionOf, type Target } from '../simulation/history.ts'

/** What was answered as durable and is not in the log: in words, one line for each. */
export const lostEvents = (
  entries: readonly Entry[], ids: ReadonlyMap<string, string>, records: readonly StoredEvent[],
  states: ReadonlyMap<SessionId, SessionState>
): readonly string[] => {
  const facts = new Facts(entries)
  const wide = wideIn(records)
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
      const state = states.get(idOf(session.name) as SessionId)
      // It may have been over already, of its limits; but not where it was answered that this has ended it.
      if (state?.status === 'live' || (isOne(revoke.op.target) && (answer.ok && answer.ended === 1) && diedOfLimit(state))) {
        lost.push(`the end of ${session.name}`)
      }
    }
  }
  for (const [name, answered] of wideAnswers(facts)) {
    const stand = wide.get(name) ?? 0
    if (stand < answered) lost.push(`${answered - stand} of ${answered} ${name}`)
  }
  return lost
}

const isOne = (target: Target): boolean => 'token' in target || 'session' in target
const diedOfLimit = (state: SessionState | undefined): boolean =>
  state?.status === 'ended' && (state.reason === 'idle' || state.reason === 'absolute')

/** What a wide revocation is called, in the log and in what was asked for. */
const wideName = (type: string, whom: string): string => `${type} ${whom}`
const nameOf = (target: Target): string | undefined => {
  if ('subject' in target) return wideName('SubjectRevoked', target.subject)
  if ('tenant' in target) return wideName('TenantRevoked', target.tenant)
  return 'all' in target ? wideName('AllRevoked', 'all') : undefined
}

/** How many of each were answered: each stands in the log, whatever it has ended. */
const wideAnswers = (facts: Facts): ReadonlyMap<string, number> => {
  const answered = new Map<string, number>()
  for (const revoke of facts.of('revoke')) {
    const name = nameOf(revoke.op.target)
    if (name !== undefined && revoke.answered?.answer.ok === true) answered.set(name, (answered.get(name) ?? 0) + 1)
  }
  return answered
}

/** How many of each stand in the log: one that was written twice, or stands in each partition, counts once. */
const wideIn = (records: readonly StoredEvent[]): ReadonlyMap<string, number> => {
  const commands = new Set<string>()
  const stand = new Map<string, number>()
  for (const { event } of records) {
    if (event.type === 'Unreadable' || !isWideRevocation(event) || commands.has(event.command)) continue
    commands.add(event.command)
    const whom = event.type === 'SubjectRevoked' ? event.subject : event.type === 'TenantRevoked' ? event.tenant : 'all'
    const name = wideName(event.type, whom)
    stand.set(name, (stand.get(name) ?? 0) + 1)
  }
  return stand
}
