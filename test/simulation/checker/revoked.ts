import { ratePpm, settings } from '../settings.ts'
import { type Facts, isAfter, type Revoke, type SessionFacts } from './facts.ts'
import type { Rule, Violation } from './violation.ts'

/** The sessions that an answered revocation surely ends: those that were there before it was asked for. */
const covered = (facts: Facts, revoke: Revoke): readonly SessionFacts[] =>
  [...facts.sessions.values()].filter((session) => facts.concerns(revoke.op.target, session)
    && session.create.answered?.answer.ok === true && !isAfter(session.create.answered, revoke))

/** The bound by a monotonic clock that is as slow as one may be. */
const boundMs = settings.maxStaleness * (1 + ratePpm / 1_000_000)

const acceptedAfter = (facts: Facts, rule: string, isBroken: (revoke: Revoke, at: {
  readonly at: number; readonly index: number; readonly process: string
}) => string | undefined): readonly Violation[] =>
  facts.of('revoke').flatMap((revoke) => {
    if (revoke.answered?.answer.ok !== true) return []
    return covered(facts, revoke).flatMap((session) => session.presented.flatMap((presented): readonly Violation[] => {
      if (!facts.isLetInAfter(presented, revoke.answered!)) return []
      const why = isBroken(revoke, presented)
      return why === undefined ? [] : [{
        rule, at: presented.at,
        text: `${presented.process} accepted ${presented.token}, whose end was answered at ${revoke.answered!.at}: ${why}`
      }]
    }))
  })

/** I5: no node that fences itself accepts a session longer than maxStaleness after its revocation was acknowledged. */
export const boundedStaleness: Rule = (facts) => acceptedAfter(facts, 'bounded staleness', (revoke, { at, process }) => {
  const { bounded, opened } = facts.processes.get(process)!
  const acknowledged = revoke.answered!
  const lateMs = at - acknowledged.at
  const blindMs = facts.blindMs(process, acknowledged.at - boundMs, at)
  if (bounded && lateMs > boundMs + blindMs) return `that is ${lateMs} ms later`
  return isAfter(opened, acknowledged) ? 'the process was not even started then' : undefined
})

/** `confirm: 'cluster'`: once it is answered, nobody accepts whose clocks tell that time passes. */
export const confirmedByAll: Rule = (facts) => acceptedAfter(facts, 'confirmed by the cluster', (revoke, { at, process }) =>
  revoke.op.cluster && facts.blindMs(process, revoke.at - boundMs, at) === 0
    ? 'the whole cluster had confirmed it'
    : undefined)

/** The writer itself refuses from the moment of its answer, also where the log did not take it. */
export const writerRefuses: Rule = (facts) => facts.of('revoke').flatMap((revoke) => {
  const { answered, process } = revoke
  if (answered === undefined || (!answered.answer.ok && answered.answer.reason !== 'LogUnavailable, in force')) return []
  return covered(facts, revoke).flatMap((session) => {
    const mine = session.presented.filter((presented) => presented.process === process && presented.verdict === 'ok')
    if (!mine.some((presented) => isAfter(revoke, presented))) return []
    return mine.filter((presented) => facts.isLetInAfter(presented, answered)).map(({ at, token }): Violation => ({
      rule: 'the writer refuses', at, text: `${process} accepted ${token}, which it was told to end at ${revoke.at}`
    }))
  })
})

/** I2: what a process has refused as ended it never accepts again; nor after it has told so by a signal. */
export const endIsFinal: Rule = (facts) => [...facts.sessions.values()].flatMap((session) => {
  const aborts = facts.aborts.filter(({ session: name, reason }) => name === session.name && isEnd(reason))
  const refusals = session.presented.filter(({ verdict }) => verdict === 'ended')
  const told = [...aborts, ...refusals]
  return session.presented.flatMap((presented): readonly Violation[] => {
    const { at, process, token } = presented
    const before = told.find((one) => one.process === process && facts.isLetInAfter(presented, one))
    return before === undefined ? [] : [{
      rule: 'an end is final', at, text: `${process} accepted ${token} after it had told that the session was over, at ${before.at}`
    }]
  })
})
const isEnd = (reason: string): boolean =>
  ['logout', 'revoked', 'superseded', 'token-reuse', 'evicted', 'migrated'].includes(reason)

/** Who refuses a session as ended has aborted its signal before. */
export const signalsFirst: Rule = (facts) => facts.of('signal').flatMap((signal): readonly Violation[] => {
  const { op: { session: name }, process } = signal
  const refused = facts.sessions.get(name)!.presented.find((one) =>
    one.process === process && one.verdict === 'ended' && isAfter(one, signal))
  if (refused === undefined) return []
  return facts.aborts.some((abort) => abort.process === process && abort.session === name && isAfter(refused, abort))
    ? []
    : [{ rule: 'signals come first', at: refused.at, text: `${process} refused ${name} before its signal was aborted` }]
})

/** A signal aborts on every process that lives on when its session has ended. */
export const signalsAbort: Rule = (facts, finals) => facts.of('signal').flatMap((signal): readonly Violation[] => {
  const { at, op, process } = signal
  const final = finals.find((one) => one.session === op.session && one.process === process)
  if (final?.logged !== 'none' || facts.processes.get(process)!.ended !== undefined) return []
  return facts.aborts.some((abort) => abort.process === process && abort.session === op.session)
    ? []
    : [{ rule: 'signals abort', at, text: `${process} never aborted the signal of ${op.session}, which is over` }]
})
