import type { Outcome } from '../history.ts'
import { Facts } from './facts.ts'
import { limitsHold } from './limits.ts'
import { refusalsAreTrue } from './refusals.ts'
import { boundedStaleness, confirmedByAll, endIsFinal, signalsAbort, signalsFirst, writerRefuses } from './revoked.ts'
import { graceHolds, reuseEnds } from './tokens.ts'
import type { Rule, Violation } from './violation.ts'
import { allAgree, everyCallAnswered, foldOfTheLog, noLostUpdate, oneGuardedUpdate, oneRotation } from './writes.ts'

export type { Violation } from './violation.ts'

const rules: readonly Rule[] = [
  boundedStaleness, confirmedByAll, writerRefuses, endIsFinal, signalsAbort, signalsFirst, limitsHold, refusalsAreTrue, oneGuardedUpdate,
  oneRotation, graceHolds, reuseEnds, noLostUpdate, everyCallAnswered, foldOfTheLog, allAgree
]

/** Holds a history against the promises. It knows the interface and the settings, and nothing of how either is kept. */
export const check = ({ entries, finals }: Outcome): readonly Violation[] => {
  const facts = new Facts(entries)
  return rules.flatMap((rule) => rule(facts, finals)).sort((a, b) => a.at - b.at)
}
