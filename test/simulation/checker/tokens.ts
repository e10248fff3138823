import { settings } from '../settings.ts'
import { type Facts, isAfter, type Presented, type SessionFacts } from './facts.ts'
import type { Rule, Violation } from './violation.ts'

/** By then a node without troubles has written what a validation gave rise to. */
const choreMs = 1_500
/** By then every node that answers has folded what was written, or has fenced itself. */
const knownMs = choreMs + settings.maxStaleness

/** Whether what the process had to write then was surely written. */
const surelyWritten = (facts: Facts, { at, process }: Presented): boolean => {
  const { bounded, ended } = facts.processes.get(process)!
  return bounded && (ended === undefined || ended.at > at + choreMs)
    && !facts.hadTrouble(process, ['log', 'append', 'slow', 'paused', 'suspended', 'clock'], at - knownMs, at + choreMs)
}

const acceptances = (session: SessionFacts): readonly Presented[] =>
  session.presented.filter(({ verdict }) => verdict === 'ok')

const boundedOnes = (facts: Facts, session: SessionFacts): readonly Presented[] =>
  acceptances(session).filter(({ process }) => facts.processes.get(process)!.bounded)

/** Once a later token was presented, an earlier one is good for its grace and no longer. */
export const graceHolds: Rule = (facts) => [...facts.sessions.values()].flatMap((session) => {
  const order = [`${session.name}.1`, ...session.exchanges.map(({ op }) => op.next)]
  const isFor = ({ op }: SessionFacts['exchanges'][number], one: Presented) => op.token === one.token
  return boundedOnes(facts, session).flatMap((late): readonly Violation[] => {
    const successor = acceptances(session).find((one) => isAfter(late, one) && one.token !== late.token
      && session.exchanges.some((exchange) => isFor(exchange, late) && exchange.op.next === one.token)
      && late.at > one.at + knownMs + settings.grace + facts.toleranceMs && surelyWritten(facts, one))
    return successor === undefined || order.indexOf(successor.token) < order.indexOf(late.token) ? [] : [{
      rule: 'grace holds', at: late.at,
      text: `${late.process} accepted ${late.token}, whose successor ${successor.token} was accepted at ${successor.at}`
    }]
  })
})

/** A token that was refused as superseded ends its session, everywhere. */
export const reuseEnds: Rule = (facts) => [...facts.sessions.values()].flatMap((session) => {
  const reuse = session.presented.find((one) => one.verdict === 'superseded' && surelyWritten(facts, one)
    && session.presented.some(({ token, verdict, at }) => token === one.token && verdict === 'ok' && at < one.at))
  if (reuse === undefined) return []
  return boundedOnes(facts, session).filter(({ at }) => at > reuse.at + knownMs + facts.toleranceMs)
    .map(({ at, process, token }): Violation => ({
      rule: 'reuse ends', at, text: `${process} accepted ${token}, although ${reuse.token} was used again at ${reuse.at}`
    }))
})
