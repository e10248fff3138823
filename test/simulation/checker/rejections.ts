import { sessionOf } from '../history.ts'
import { settings } from '../settings.ts'
import { type Call, type Facts, isAfter, type SessionFacts } from './facts.ts'
import { mayHaveEnded } from './refusals.ts'
import type { Rule, Violation } from './violation.ts'

type Change = Call<Extract<Call['op'], { readonly op: 'rotate' | 'reauthenticate' | 'update' }>>

/**
 * Whether it came to stand, or may have: what failed for want of the log, or was never answered, may stand; and what did may
 * find that the session is over as it looks at it again.
 */
const mayStand = ({ answered }: Pick<Call, 'answered'>): boolean => answered === undefined || answered.answer.ok
  || !/^(?:Conflict|TooManySessions|Attributes|Invalid)/.test(answered.answer.reason)

const sessionNameOf = ({ op }: Change): string => op.op === 'update' ? op.session : sessionOf(op.token)

/** Another change of the same session that this one may have lost against. */
const hasWinner = (facts: Facts, change: Change): boolean =>
  facts.of('rotate', 'reauthenticate', 'update').some((other) => other !== change && mayStand(other)
    && sessionNameOf(other) === sessionNameOf(change) && !isAfter(other, change.answered!))

const mayBeOver = (facts: Facts, session: SessionFacts, call: Call, token: string): boolean => {
  const { answered, process } = call
  return mayHaveEnded(facts, session, {
    ...answered!, process, token, session: session.name, touch: false, asked: call, verdict: 'ended', isAuthentication: true
  })
}

/** Why a rejection is not what it says; undefined: it may be. */
const problem = (facts: Facts, call: Call): string | undefined => {
  const { answered, op } = call
  if (answered === undefined || answered.answer.ok) return undefined
  const { reason } = answered.answer
  if (op.op === 'create') {
    if (reason !== 'TooManySessions' || op.subject === null) return undefined
    const beside = facts.of('create').filter((other) => other !== call && mayStand(other) && !isAfter(other, answered)
      && other.op.subject === op.subject && other.op.tenant === op.tenant)
    return beside.length >= settings.maxSessionsPerSubject ? undefined : `there were ${beside.length} at most`
  }
  if (op.op !== 'rotate' && op.op !== 'reauthenticate' && op.op !== 'update') return undefined
  const change = call as Change
  const session = facts.sessions.get(sessionNameOf(change))!
  const token = op.op === 'update' ? `${op.session}.1` : op.token
  if (mayBeOver(facts, session, call, token)) return undefined
  if (reason === 'Conflict') return hasWinner(facts, change) ? undefined : 'nobody else has changed the session'
  if (reason !== 'NotFound') return undefined
  // A token whose place another has taken may be unknown by now.
  return op.op !== 'update' && hasWinner(facts, change) ? undefined : 'the session was there, and nobody had ended it'
}

/** Of those who change a session at once somebody wins, and nobody is turned away from one that lives. */
export const rejectionsAreTrue: Rule = (facts) => facts.calls.flatMap((call): readonly Violation[] => {
  const why = problem(facts, call)
  return why === undefined ? [] : [{
    rule: 'rejections are true', at: call.answered!.at,
    text: `${call.process} answered ${call.op.op} with ${(call.answered!.answer as { readonly reason: string }).reason}: ${why}`
  }]
})
