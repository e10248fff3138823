import type { Outcome } from '../history.ts'
import { Facts } from './facts.ts'
import { limitsHold } from './limits.ts'
import { refusalsAreTrue } from './refusals.ts'
import { rejectionsAreTrue } from './rejections.ts'
import { boundedStaleness, confirmedByAll, endIsFinal, signalsAbort, signalsFirst, writerRefuses } from './revoked.ts'
import { graceHolds, reuseEnds } from './tokens.ts'
import type { Rule, Violation } from './violation.ts'
import { allAgree, everyCallAnswered, foldOfTheLog, noLostUpdate, oneGuardedUpdate, oneRotation } from './writes.ts'

export type { Violation } from './violation.ts'

const rules: readonly Rule[] = [
  boundedStaleness, confirmedByAll, writerRefuses, endIsFinal, signalsAbort, signalsFirst, limitsHold, refusalsAreTrue, rejectionsAreTrue,
  oneGuardedUpdate, oneRotation, graceHolds, reuseEnds, noLostUpdate, everyCallAnswered, foldOfTheLog, allAgree
]

/**
 * Holds a history against the promises. It knows the interface and the settings, and nothing of how either is kept.
 * `turnMs`: the longest turn of an event loop, in which a process may come by several things at a time.
 */
export const check = ({ entries, finals }: Outcome, turnMs = 0): readonly Violation[] => {
  const facts = new Facts(entries, turnMs)
  return rules.flatMap((rule) => rule(facts, finals)).sort((a, b) => a.at - b.at)
}
