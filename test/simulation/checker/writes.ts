import { sessionOf } from '../history.ts'
import { settings } from '../settings.ts'
import type { Call, Facts } from './facts.ts'
import type { Rule, Violation } from './violation.ts'

const isOk = ({ answered }: Pick<Call, 'answered'>): boolean => answered?.answer.ok === true

/** I1: of updates that expected the same version at most one was made. */
export const oneGuardedUpdate: Rule = (facts) => {
  const made = new Map<string, Call>()
  return facts.of('update').flatMap((update): readonly Violation[] => {
    const { op: { session, ifVersion } } = update
    if (ifVersion === null || !isOk(update)) return []
    const key = `${session} at version ${ifVersion}`
    if (!made.has(key)) {
      made.set(key, update)
      return []
    }
    return [{ rule: 'one guarded update', at: update.answered!.at, text: `two updates of ${key} were both answered` }]
  })
}

/** Of rotations of one token that overlap, exactly one wins. */
export const oneRotation: Rule = (facts) => {
  const won = facts.of('rotate').filter(isOk)
  return won.flatMap((one, i) => won.slice(i + 1).flatMap((other): readonly Violation[] => {
    if (one.op.token !== other.op.token) return []
    const [from, to] = [Math.min(one.at, other.at), Math.max(one.answered!.at, other.answered!.at)]
    const span = to - from
    return span >= settings.grace - facts.toleranceWithin(from, to) ? [] : [{
      rule: 'one rotation', at: other.at,
      text: `${one.op.next} and ${other.op.next} were both given for ${one.op.token} within ${span} ms`
    }]
  }))
}

/** What was answered is there in the end, whoever wrote beside it. */
export const noLostUpdate: Rule = (facts, finals) => finals.flatMap(({ holds, process, session }): readonly Violation[] => {
  if (holds === 'none') return []
  const { attributes } = JSON.parse(holds) as { readonly attributes?: { readonly [key: string]: unknown } }
  if (attributes === undefined) return []
  return facts.of('update').filter((update) => update.op.session === session && isOk(update) && !(update.op.key in attributes))
    .map(({ answered, op }) => ({
      rule: 'no lost update', at: answered!.at, text: `${process} holds ${session} without ${op.key}, which was answered`
    }))
})

/** Whoever asks a process that lives on is answered, by what the interface says. */
export const everyCallAnswered: Rule = (facts) => facts.calls.flatMap(({ at, answered, op, process }): readonly Violation[] => {
  const { ended } = facts.processes.get(process)!
  if (answered === undefined) {
    return ended === undefined
      ? [{ rule: 'every call is answered', at, text: `${process} never answered ${op.op}` }]
      : []
  }
  if (answered.answer.ok || ended !== undefined || !/^(?:interrupted|died)/.test(answered.answer.reason)) return []
  return [{ rule: 'every call is answered', at, text: `${process} answered ${op.op}: ${answered.answer.reason}` }]
})

/** After healing, every node holds what the log says. */
export const foldOfTheLog: Rule = (facts, finals) => finals.filter(({ holds, logged }) => holds !== logged)
  .map(({ holds, logged, process, session }): Violation => ({
    rule: 'the fold of the log', at: facts.endsAt, text: `${process} holds of ${session} ${holds}, where the log says ${logged}`
  }))

const nearMs = 3_000

/** Near a limit clocks that differ may say different things, and one is asked a little later than the other. */
const mayDiffer = (facts: Facts, token: string, at: number, verdicts: readonly string[]): boolean => {
  const { create, presented } = facts.sessions.get(sessionOf(token))!
  const isNear = (deadline: number): boolean => facts.toleranceMs > nearMs || Math.abs(at - deadline) < nearMs
  const seen = [create, ...presented.filter((one) => one.touch && one.verdict === 'ok')]
  return (verdicts.includes('absolute') && isNear(create.at + settings.limits.absolute))
    || (verdicts.includes('idle') && seen.some((one) => isNear(one.at + settings.limits.idle)))
}

/** In the end all processes answer alike: what one of them heard is in the log. */
export const allAgree: Rule = (facts) => {
  const last = new Map<string, { readonly process: string; readonly verdict: string }>()
  return facts.presented.slice().reverse().flatMap(({ at, isAuthentication, process, token, verdict }): readonly Violation[] => {
    if (!isAuthentication || at < facts.endsAt - 2_000) return []
    const known = last.get(token)
    if (known === undefined) {
      last.set(token, { process, verdict })
      return []
    }
    return (known.verdict === 'ok') === (verdict === 'ok') || mayDiffer(facts, token, at, [known.verdict, verdict]) ? [] : [{
      rule: 'all agree', at,
      text: `${process} says ${verdict} of ${token} in the end, and ${known.process} ${known.verdict} (${sessionOf(token)})`
    }]
  })
}
