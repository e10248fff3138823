import { ratePpm } from '../settings.ts'
import { absolute, type Facts, idle, isAfter, type Presented, type SessionFacts } from './facts.ts'
import type { Rule, Violation } from './violation.ts'

/** What is rounded; how far the rates of clocks differ comes on top. */
const roundedMs = 5
/** A process notices within this time that its wall clock was set. */
const noticesMs = 1.1

type Active = Pick<Presented, 'at' | 'process'>

/** What counted as activity of a session before a moment, at whatever process. */
const activity = (session: SessionFacts, before: Presented): readonly Active[] => [
  ...(session.create.answered === undefined
    ? []
    : [{ at: session.create.answered.at, process: session.create.process }]),
  ...session.presented.filter((one) => one.verdict === 'ok' && one.touch && isAfter(before, one))
]

/** I6: no node accepts a session past its absolute deadline, or past `idle` after its last activity. */
export const limitsHold: Rule = (facts) => [...facts.sessions.values()].flatMap((session) =>
  session.presented.filter(({ verdict }) => verdict === 'ok').flatMap((presented) => broken(facts, session, presented)))

/** So long the process may accept what was seen then and there: by the clock of the one, told by that of the other. */
const acceptsUntil = (facts: Facts, { at, process }: Active, by: Presented, limitMs: number): number =>
  at + limitMs + facts.trustedAheadMs(process, at)
  - Math.min(facts.trustedAheadMs(by.process, by.at), facts.trustedAheadMs(by.process, by.at - noticesMs))
  + roundedMs + (facts.endsAt * 2 * ratePpm) / 1_000_000

const broken = (facts: Facts, session: SessionFacts, by: Presented): readonly Violation[] => {
  const { at, process, token } = by
  const { create } = session
  const started = { at: create.answered?.at ?? at, process: create.process }
  if (at >= acceptsUntil(facts, started, by, absolute)) {
    return [{ rule: 'limits hold', at, text: `${process} accepted ${token}, which started by ${started.at}` }]
  }
  const until = Math.max(...activity(session, by).map((seen) => acceptsUntil(facts, seen, by, idle)))
  return at >= until
    ? [{ rule: 'limits hold', at, text: `${process} accepted ${token}, which it could until ${until}` }]
    : []
}
