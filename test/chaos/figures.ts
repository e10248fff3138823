import { Facts, isAfter, type Revoke } from '../simulation/checker/facts.ts'
import { table } from '../../bench/harness/report.ts'
import type { Entry } from '../simulation/history.ts'

/** A time in which one fault was in force. */
export interface Spell {
  readonly fault: string
  readonly from: number
  readonly to: number
  /** So long after it all nodes had caught up with their log again. */
  readonly backAfterMs: number
}

/** What became of the revocations that were asked for while a fault was in force, and of the requests. Times in ms. */
export interface Figures {
  readonly fault: string
  readonly times: number
  /** Asked for, answered as durable, and answered as in force without. */
  readonly asked: number
  readonly revocations: number
  readonly inForce: number
  /** From the call to the refusal, for each session and each process that had let it in. */
  readonly latencies: readonly number[]
  /** Each revocation and its slowest process. */
  readonly slowest: ReadonlyArray<{ readonly at: number; readonly ms: number }>
  /** How long after an answered revocation some process still let the session in; 0: none did. */
  readonly acceptedLateMs: number
  readonly requests: number
  /** The longest time from its end until all nodes had caught up. */
  readonly backAfterMs: number
  /** Refused as stale: the promise is kept by saying no. */
  readonly stale: number
}

const isInForce = ({ answered }: Revoke): boolean =>
  answered?.answer.ok === false && answered.answer.reason === 'LogUnavailable, in force'

interface Fate {
  readonly latencies: readonly number[]
  readonly acceptedLateMs: number
}

/** How each process took the end of the sessions that a revocation ends. */
const fateOf = (facts: Facts, revoke: Revoke): Fate => {
  const latencies: number[] = []
  let acceptedLateMs = 0
  // What failed ends nothing: somebody else does, later.
  if (revoke.answered?.answer.ok !== true && !isInForce(revoke)) return { latencies, acceptedLateMs }
  for (const session of facts.sessions.values()) {
    const { answered } = session.create
    if (!facts.concerns(revoke.op.target, session) || answered?.answer.ok !== true || isAfter(answered, revoke)) continue
    const isEndedBefore = session.presented.some((one) => one.verdict === 'ended' && isAfter(revoke, one))
    if (isEndedBefore) continue
    for (const name of facts.processes.keys()) {
      const own = session.presented.filter(({ process }) => process === name)
      const lastIn = own.findLast(({ verdict }) => verdict === 'ok')
      if (!own.some((one) => one.verdict === 'ok' && isAfter(revoke, one)) || lastIn === undefined) continue
      const refused = own.find((one) => one.verdict !== 'ok' && isAfter(one, lastIn) && isAfter(one, revoke))
      if (refused !== undefined) latencies.push(refused.at - revoke.at)
      if (revoke.answered?.answer.ok === true) {
        acceptedLateMs = Math.max(acceptedLateMs, lastIn.at - revoke.answered.at)
      }
    }
  }
  return { latencies, acceptedLateMs }
}

export const figuresOf = (entries: readonly Entry[], spells: readonly Spell[]): readonly Figures[] => {
  const facts = new Facts(entries)
  const fates = new Map(facts.of('revoke').map((revoke) => [revoke, fateOf(facts, revoke)] as const))
  return [...new Set(spells.map(({ fault }) => fault))].map((fault): Figures => {
    const own = spells.filter((spell) => spell.fault === fault)
    const isIn = ({ at }: { readonly at: number }): boolean => own.some(({ from, to }) => at >= from && at <= to)
    const revokes = facts.of('revoke').filter(isIn)
    const requests = facts.presented.filter((one) => isIn(one) && one.isAuthentication)
    return {
      fault, times: own.length, asked: revokes.length,
      revocations: revokes.filter(({ answered }) => answered?.answer.ok === true).length,
      inForce: revokes.filter(isInForce).length,
      latencies: revokes.flatMap((revoke) => fates.get(revoke)!.latencies),
      slowest: revokes.flatMap((revoke) => {
        const { latencies } = fates.get(revoke)!
        return latencies.length === 0 ? [] : [{ at: revoke.at, ms: Math.max(...latencies) }]
      }),
      acceptedLateMs: Math.max(0, ...revokes.map((revoke) => fates.get(revoke)!.acceptedLateMs)),
      requests: requests.length,
      backAfterMs: Math.max(...own.map(({ backAfterMs }) => backAfterMs)),
      stale: requests.filter(({ verdict }) => verdict === 'stale').length
    }
  })
}

/** The figures of several runs as those of one. */
export const merged = (runs: ReadonlyArray<readonly Figures[]>): readonly Figures[] => {
  const all = new Map<string, Figures>()
  for (const one of runs.flat()) {
    const before = all.get(one.fault)
    all.set(one.fault, before === undefined ? one : {
      fault: one.fault,
      times: before.times + one.times,
      asked: before.asked + one.asked,
      revocations: before.revocations + one.revocations,
      inForce: before.inForce + one.inForce,
      latencies: [...before.latencies, ...one.latencies],
      slowest: [...before.slowest, ...one.slowest],
      acceptedLateMs: Math.max(before.acceptedLateMs, one.acceptedLateMs),
      requests: before.requests + one.requests,
      backAfterMs: Math.max(before.backAfterMs, one.backAfterMs),
      stale: before.stale + one.stale
    })
  }
  return [...all.values()]
}

const percentile = (sorted: readonly number[], share: number): string =>
  sorted.length === 0 ? '-' : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(1)

/** As a person reads them; times in ms. */
export const figuresTable = (figures: readonly Figures[]): string => table([
  ['fault', 'revoked', 'in force', 'p50', 'p99', 'max', 'accepted late', 'requests', 'stale', 'back after'],
  ...figures.map(({ acceptedLateMs, backAfterMs, fault, inForce, latencies, requests, revocations, stale }) => {
    const sorted = latencies.toSorted((a, b) => a - b)
    return [
      fault, String(revocations), String(inForce), percentile(sorted, 0.5), percentile(sorted, 0.99), percentile(sorted, 1),
      acceptedLateMs.toFixed(1), String(requests), String(stale), backAfterMs.toFixed(0)
    ]
  })
])
