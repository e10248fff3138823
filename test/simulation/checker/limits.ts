import { ratePpm } from '../settings.ts'
import { absolute, type Facts, idle, isAfter, type Presented, type SessionFacts } from './facts.ts'
import type { Rule, Violation } from './violation.ts'

/** What is rounded; how far the rates of clocks differ comes on top. */
const roundedMs = 5
/** A process notices within this time that its wall clock was set. */
const noticesMs = 1.1

type Active = Pick<Presented, 'at' | 'process'>

/** It started between these, by the clock of that process as it was then. */
const start = ({ create: { answered, at, process } }: SessionFacts): readonly Active[] =>
  [{ at, process }, ...(answered === undefined ? [] : [{ at: answered.at, process }])]

/** What counted as activity of a session before a moment, at whatever process. */
const activity = (session: SessionFacts, before: Presented): readonly Active[] => [
  ...start(session),
  ...session.presented.filter((one) => one.verdict === 'ok' && one.touch && isAfter(before, one))
]

/** I6: no node accepts a session past its absolute deadline, or past `idle` after its last activity. */
export const limitsHold: Rule = (facts) => [...facts.sessions.values()].flatMap((session) =>
  session.presented.filter(({ verdict }) => verdict === 'ok').flatMap((presented) => broken(facts, session, presented)))

/** A clock that was just set may still be taken for what it was. */
const aheadAbout = (facts: Facts, process: string, at: number): readonly number[] =>
  [facts.trustedAheadMs(process, at), facts.trustedAheadMs(process, at - noticesMs)]

/** So long the process may accept what was seen then and there: by the clock of the one, told by that of the other. */
const acceptsUntil = (facts: Facts, { at, process }: Active, by: Presented, limitMs: number): number =>
  at + limitMs + Math.max(...aheadAbout(facts, process, at)) - Math.min(...aheadAbout(facts, by.process, by.at))
  + roundedMs + (facts.endsAt * 2 * ratePpm) / 1_000_000

const broken = (facts: Facts, session: SessionFacts, by: Presented): readonly Violation[] => {
  const { at, process, token } = by
  const until = Math.min(
    Math.max(...start(session).map((started) => acceptsUntil(facts, started, by, absolute))),
    Math.max(...activity(session, by).map((seen) => acceptsUntil(facts, seen, by, idle))))
  return at >= until
    ? [{ rule: 'limits hold', at, text: `${process} accepted ${token}, which it could until ${until}` }]
    : []
}
