import { type Chance, chance } from '../../bench/harness/chance.ts'
import { troubleMsMax } from './settings.ts'

/** What a simulation is made of, but for its steps. */
export interface Scenario {
  readonly seed: number
  readonly nodes: number
  readonly partitions: number
  /** Whether the last node goes on serving while it is stale. */
  readonly serves: boolean
  readonly onTooMany: 'end-oldest' | 'refuse'
}

/** One thing that happens. Numbers choose among what there is by then, so that any part of a story is a story. */
export type Step = { readonly afterMs: number; readonly a: number; readonly b: number; readonly c: number } & (
  | { readonly does: ClientAct }
  | { readonly does: FaultAct; readonly forMs: number })

const clientActs = {
  login: 14, request: 40, 'old-request': 4, rotate: 8, 'rotate-twice': 3, 'step-up': 3, update: 6, 'guarded-updates': 3,
  'two-nodes': 3, logout: 3, 'revoke-id': 2, 'revoke-subject': 1.5, 'revoke-tenant': 0.2, 'revoke-all': 0.1,
  'revoke-and-die': 0.3, relogin: 1, 'quick-logout': 1, 'last-moment': 2, watch: 3, burst: 1
} as const
const faultActs = {
  'cut-log': 2, 'cut-broadcast': 2, 'cut-both': 2, 'bad-append': 3, 'slow-log': 3, 'bad-messages': 3, 'replay-message': 3,
  pause: 2, suspend: 1, crash: 2, stop: 1, 'jump-clock': 2
} as const
const riskyActs = {
  logout: 2, 'revoke-id': 2, 'revoke-subject': 2, 'revoke-tenant': 0.2, relogin: 3, 'quick-logout': 3,
  'last-moment': 3, rotate: 2, 'rotate-twice': 2, 'two-nodes': 4, 'guarded-updates': 1, 'old-request': 1, 'revoke-and-die': 0.5
} as const satisfies { readonly [act in keyof typeof clientActs]?: number }
export type ClientAct = keyof typeof clientActs
export type FaultAct = keyof typeof faultActs

const isFault = (does: ClientAct | FaultAct): does is FaultAct => Object.hasOwn(faultActs, does)

/** A choice by weights, some of which are left out of this story or play a large part in it. */
const weighted = <K extends string>(standard: Readonly<Record<K, number>>, always: readonly K[], by: Chance) => {
  const names = Object.keys(standard) as K[]
  const weights = Object.fromEntries(names.map((name) =>
    [name, standard[name] * (always.includes(name) ? 1 : [0, 1, 1, 4][by.below(4)]!)])) as Record<K, number>
  const sum = names.reduce((total, name) => total + weights[name], 0)
  return (among: Chance): K => {
    let rest = among.below(1_000_000) / 1_000_000 * sum
    for (const name of names) {
      rest -= weights[name]
      if (rest < 0) return name
    }
    return names[0]!
  }
}

/** Mostly at once or soon after; sometimes long, so that sessions grow idle or old. */
const pauseBefore = (among: Chance): number => {
  const roll = among.below(100)
  if (roll < 30) return 0
  if (roll < 60) return among.below(20)
  if (roll < 90) return among.below(400)
  return roll < 98 ? among.below(3_000) : among.below(20_000)
}

export const scenarioOf = (seed: number, nodes?: number): Scenario => {
  const among = chance(seed, 1)
  return {
    seed,
    nodes: nodes ?? 2 + among.below(3),
    partitions: among.below(3) === 0 ? 3 : 1,
    serves: among.below(4) === 0,
    onTooMany: among.below(3) === 0 ? 'refuse' : 'end-oldest'
  }
}

export const stepsOf = (seed: number, count: number): readonly Step[] => {
  const among = chance(seed, 2)
  // Some stories are calm, so that what needs no fault is seen without one.
  const faultsPercent = [2, 8, 20][among.below(3)]!
  const anyClientAct = weighted(clientActs, ['login', 'request'], among)
  const anyFaultAct = weighted(faultActs, ['cut-log', 'cut-broadcast'], among)
  const anyRiskyAct = weighted(riskyActs, [], among)
  /** So many steps more come close behind a fault, and are of those that faults are worst for. */
  let followed = 0
  return Array.from({ length: count }, (): Step => {
    const isFollowed = followed > 0
    if (isFollowed) followed--
    const does = isFollowed ? anyRiskyAct(among)
      : among.below(100) < faultsPercent ? anyFaultAct(among) : anyClientAct(among)
    if (isFault(does)) followed = among.below(4)
    const afterMs = isFollowed ? among.below(400) : pauseBefore(among)
    const common = { afterMs, a: among.below(1 << 20), b: among.below(1 << 20), c: among.below(1 << 20) }
    return isFault(does)
      ? { ...common, does, forMs: among.below(3) === 0 ? among.below(troubleMsMax) : among.below(3_000) }
      : { ...common, does }
  })
}

export const stepText = ({ afterMs, does, a, b, c, ...rest }: Step): string =>
  `+${afterMs} ms  ${does}${'forMs' in rest ? ` for ${rest.forMs} ms` : ''}  (${a}, ${b}, ${c})`
