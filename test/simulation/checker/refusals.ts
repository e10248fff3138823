import { sessionOf } from '../history.ts'
import { settings } from '../settings.ts'
import { absolute, type Facts, idle, isAfter, type Presented, type Revoke, type SessionFacts } from './facts.ts'
import type { Rule, Violation } from './violation.ts'

/** By then a batch of activity of a node without troubles is in the log. */
const batchMs = settings.limits.idle / 10 + 1_500
/** And of what comes back after a long pause. */
const returnMs = 200
/** By then a presented token is confirmed everywhere, where there are no troubles. */
const confirmedMs = 1_500
/** So long after trouble a node may not have caught up yet. */
const recoveryMs = settings.maxStaleness + 1_500
/** Tokens of a session beyond so many are forgotten. */
const tokensMax = 16

/** Its activity before a refusal. */
const activity = (session: SessionFacts, by: Presented): readonly Presented[] =>
  session.presented.filter((one) => one.verdict === 'ok' && one.touch && isAfter(by, one))

/** By when the log has it at the latest: after a time without troubles. Infinity: perhaps never. */
const publishedBy = (facts: Facts, session: SessionFacts, one: Presented): number => {
  const { at, process } = one
  const { ended } = facts.processes.get(process)!
  // Who comes back after half of the limit is told of at once.
  const before = Math.max(session.create.answered?.at ?? at, ...activity(session, one).map((other) => other.at))
  const ms = at - before > idle / 2 + facts.toleranceMs ? returnMs : batchMs
  const by = facts.untroubledFrom(process, ['log', 'append', 'slow', 'paused', 'suspended'], at, ms) + ms
  return ended === undefined || ended.at > by ? by : Infinity
}

/** When it was last seen, as far as the process that answers must know of it. */
const surelySeenAt = (facts: Facts, session: SessionFacts, by: Presented): number => {
  const sure = activity(session, by).filter((one) =>
    one.process === by.process || publishedBy(facts, session, one) <= by.asked.at)
  return Math.max(session.create.at, ...sure.map(({ at }) => at))
}

/** Whether there was a time at which the log could not know that it was not idle: an end that stood then holds. */
const mayHaveBeenIdle = (facts: Facts, session: SessionFacts, by: Presented): boolean => {
  const seen = activity(session, by).map((one) => ({ at: one.at, known: publishedBy(facts, session, one) }))
  const toleranceMs = facts.toleranceWithin(session.create.at, by.at)
  const knownBefore = (moment: number): number =>
    Math.max(session.create.at, ...seen.filter(({ known }) => known < moment).map(({ at }) => at))
  return [by.at, ...seen.map(({ known }) => known)].some((moment) =>
    moment <= by.at && moment >= knownBefore(moment) + idle - toleranceMs)
}

/** What was durable before a session was asked for does not end it. */
const mayConcern = (facts: Facts, { answered, op: { target } }: Revoke, session: SessionFacts): boolean =>
  facts.concerns(target, session) && !(answered?.answer.ok === true && isAfter(session.create, answered))

/** Whether somebody or something may have ended it by then. */
export const mayHaveEnded = (facts: Facts, session: SessionFacts, by: Presented): boolean => {
  const { at } = by
  if (at >= session.create.at + absolute - facts.toleranceWithin(session.create.at, at)) return true
  if (mayHaveBeenIdle(facts, session, by)) return true
  if (facts.of('revoke').some((revoke) => isAfter(by, revoke) && mayConcern(facts, revoke, session))) return true
  const creates = facts.of('create').filter((create) => isAfter(by, create))
  if (creates.some(({ op }) => op.continues !== null && sessionOf(op.continues) === session.name)) return true
  const beside = creates.filter(({ op }) => op.subject === session.subject && op.tenant === session.tenant)
  if (session.subject !== null && beside.length > settings.maxSessionsPerSubject) return true
  // Used again, a token ends its session, perhaps before its own answer: stale while the log cannot be asked, then ended.
  return session.presented.some((one) => !isAfter(one, by)
    && (one.verdict === 'superseded' || (one.verdict !== 'ok' && isSuperseded(facts, session, one))))
}

/** Whether a later token may have taken this one's place, and its grace is over. */
const isSuperseded = (facts: Facts, session: SessionFacts, by: Presented): boolean => {
  const { at, token } = by
  const graceOver = at - settings.grace + facts.toleranceMs
  const issuedAt = session.exchanges.find(({ op }) => op.next === token)?.at ?? session.create.at
  // One that was asked for before may have come to stand behind it.
  const later = session.exchanges.filter((one) => (one.answered?.at ?? Infinity) >= issuedAt && one.op.next !== token)
  return later.some((one) => {
    // In time before the later one took its place, and so long ago that its confirmation is known.
    const takenBy = (one.answered?.at ?? one.at) + settings.grace + facts.toleranceMs
    const wasConfirmed = session.presented.some((before) => before.token === token && before.verdict === 'ok'
      && isAfter(by, before) && before.at <= Math.min(takenBy, at - confirmedMs))
    return wasConfirmed ? wasTaken(session, one.op.next, graceOver) : one.at <= graceOver
  })
}

/** Whether the token was presented by then. To exchange it is to present it. */
const wasTaken = (session: SessionFacts, token: string, by: number): boolean =>
  session.presented.some((one) =>
    one.token === token && (one.verdict === 'ok' || one.verdict === 'stale') && one.asked.at <= by)
  || session.exchanges.some(({ op, at }) => op.token === token && at <= by)

/** Why a refusal is not what it says; undefined: it may be. */
const problem = (facts: Facts, session: SessionFacts, by: Presented): string | undefined => {
  const { asked, at, process, verdict } = by
  const age = at - session.create.at
  const toleranceMs = facts.toleranceWithin(session.create.at, at)
  switch (verdict) {
    case 'ended':
      return mayHaveEnded(facts, session, by) ? undefined : 'nobody ended it'
    case 'unknown': {
      if (!by.isAuthentication || age >= absolute - toleranceMs) return undefined
      return session.exchanges.length >= tokensMax ? undefined : 'it was durable before, and the log had been asked'
    }
    case 'idle': {
      const seen = surelySeenAt(facts, session, by)
      return !by.isAuthentication || at >= seen + idle - toleranceMs ? undefined : `it was seen at ${seen}`
    }
    case 'absolute':
      return age >= absolute - toleranceMs ? undefined : `it is ${age} ms old`
    case 'superseded':
      return isSuperseded(facts, session, by) ? undefined : 'no later token has taken its place'
    case 'stale': {
      const kinds = ['log', 'slow', 'paused', 'suspended', 'clock'] as const
      const { ended } = facts.processes.get(process)!
      const isClosing = ended !== undefined && ended.at <= at
      return isClosing || facts.hadTrouble(process, kinds, asked.at - recoveryMs, at) ? undefined : 'nothing kept it from its log'
    }
    default:
      return `there is no such refusal of a token that was given out`
  }
}

/** No live session is refused for a reason that does not hold. */
export const refusalsAreTrue: Rule = (facts) => facts.presented.flatMap((presented): readonly Violation[] => {
  if (presented.verdict === 'ok') return []
  const session = facts.sessions.get(presented.session)!
  const why = problem(facts, session, presented)
  return why === undefined ? [] : [{
    rule: 'refusals are true', at: presented.at,
    text: `${presented.process} refused ${presented.token} as ${presented.verdict}: ${why}`
  }]
})
