import { absolute, type Facts, idle, isAfter, type Presented, type SessionFacts } from './facts.ts'
import type { Rule, Violation } from './violation.ts'

/** Of a clock that runs slowly, within the limit; and what is rounded. */
const driftMs = 10

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

/** How far the clock that wrote of the activity may have been ahead of the one that judges it. */
const leadMs = (facts: Facts, { at, process }: Active, judge: string): number => {
  if (process !== judge) return facts.toleranceMs
  // One process, one clock: it never falls behind where it was at the start.
  return Math.max(0, facts.aheadAt(process, at) - facts.aheadAt(process, facts.processes.get(process)!.opened.at))
}

const broken = (facts: Facts, session: SessionFacts, presented: Presented): readonly Violation[] => {
  const { at, process, token } = presented
  const startedBy = session.create.answered?.at ?? at
  if (at >= startedBy + absolute + facts.toleranceMs) {
    return [{ rule: 'limits hold', at, text: `${process} accepted ${token}, which started by ${startedBy}` }]
  }
  const lastSeen = Math.max(...activity(session, presented).map((one) => one.at + leadMs(facts, one, process)))
  return at >= lastSeen + idle + driftMs + facts.blindMs(process, lastSeen, at)
    ? [{ rule: 'limits hold', at, text: `${process} accepted ${token}, which was last seen at ${lastSeen} by the clock that was furthest ahead` }]
    : []
}
