import { absolute, type Facts, idle, isAfter, type Presented, type SessionFacts } from './facts.ts'
import type { Rule, Violation } from './violation.ts'

/** What counted as activity of a session before a moment, at whatever process. */
const activity = (session: SessionFacts, before: Presented): readonly { readonly at: number }[] => [
  ...(session.create.answered === undefined ? [] : [session.create.answered]),
  ...session.presented.filter((one) => one.verdict === 'ok' && one.touch && isAfter(before, one))
]

/** I6: no node accepts a session past its absolute deadline, or past `idle` after its last activity. */
export const limitsHold: Rule = (facts) => [...facts.sessions.values()].flatMap((session) =>
  session.presented.filter(({ verdict }) => verdict === 'ok').flatMap((presented) => broken(facts, session, presented)))

const broken = (facts: Facts, session: SessionFacts, presented: Presented): readonly Violation[] => {
  const { at, process, token } = presented
  const startedBy = session.create.answered?.at ?? at
  if (at >= startedBy + absolute + facts.toleranceMs) {
    return [{ rule: 'limits hold', at, text: `${process} accepted ${token}, which started by ${startedBy}` }]
  }
  const lastSeen = Math.max(...activity(session, presented).map((one) => one.at))
  return at >= lastSeen + idle + facts.toleranceMs
    ? [{ rule: 'limits hold', at, text: `${process} accepted ${token}, which was last seen at ${lastSeen}` }]
    : []
}
