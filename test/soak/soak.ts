import { statSync } from 'node:fs'
import { type Chance, chance as chanceOf } from '../../bench/harness/chance.ts'
import { Cluster } from '../chaos/cluster.ts'
import { deadly, faultsFor } from '../chaos/faults.ts'
import { type Figures, figuresOf, type Spell } from '../chaos/figures.ts'
import { logOf, type LogPlan } from '../chaos/log.ts'
import { Recorder } from '../chaos/recorder.ts'
import { type Ordeal, play } from '../chaos/season.ts'
import { LogNode } from '../support/log-node.ts'
import type { Violation } from '../simulation/checker/check.ts'

export interface SoakPlan {
  readonly seed: number
  readonly nodes: number
  readonly servers: number
  readonly clients: number
  readonly log: LogPlan
  readonly minutes: number
  readonly seasonMs?: number
  readonly onSeason?: (minutes: number) => void
}

/** What a long-lived process and its log were like after a season, when nobody was logged in. */
export interface Sample {
  /** Minutes from the start. */
  readonly minute: number
  readonly process: string
  readonly memoryBytes: number
  readonly rssBytes: number
  readonly handles: number
  readonly timers: number
  readonly sessions: number
  /** null: the log is on servers, which keep it bounded by themselves. */
  readonly logBytes: number | null
}

/** A revocation, and how long it took the process that was slowest to refuse. */
export interface Taken {
  readonly minute: number
  readonly ms: number
}

export interface SoakReport {
  readonly samples: readonly Sample[]
  readonly taken: readonly Taken[]
  readonly spells: readonly Spell[]
  readonly figures: ReadonlyArray<readonly Figures[]>
  readonly violations: readonly Violation[]
  readonly lost: readonly string[]
  readonly sessions: number
  readonly events: number
}

/** A season's load and faults, unless it is said otherwise. */
const seasonMsUsual = 30_000
/** Longer than sessions live and than a season lasts, and short enough to be over again and again. */
const retentionMs = 120_000
/** The first node lives as long as the soak: no deadly fault befalls it. */
const watched = 0

/** Faults at random, of random length, for about one season. */
export const ordealsOf = (
  chance: Chance, { log, nodes, servers }: Pick<SoakPlan, 'log' | 'nodes' | 'servers'>, seasonMs: number
): readonly Ordeal[] => {
  const among = faultsFor(log, servers, false).filter(({ name }) => name !== 'none')
  const ordeals: Ordeal[] = []
  for (let ms = 0; ms < seasonMs;) {
    const fault = among[chance.below(among.length)]!
    const [forMs, calmMs] = [200 + chance.below(3_000), 500 + chance.below(3_000)]
    const any = chance.below(nodes)
    const node = deadly.includes(fault.name) && any === watched ? (watched + 1) % nodes : any
    ordeals.push({ fault, node, forMs, calmMs })
    ms += forMs + calmMs
  }
  return ordeals
}

const sizeOf = (path: string): number =>
  ['', '-wal'].reduce((sum, end) => sum + (statSync(`${path}${end}`, { throwIfNoEntry: false })?.size ?? 0), 0)

const minuteOf = (ms: number): number => ms / 60_000

/** One cluster under load with faults at random, season after season, and what became of its memory meanwhile. */
export const soak = async (plan: SoakPlan): Promise<SoakReport> => {
  const recorder = new Recorder()
  const { nodes, servers } = plan
  await using cluster = await Cluster.start({ log: { ...plan.log, retentionMs }, nodes, servers }, recorder)
  const chance = chanceOf(plan.seed, 4)
  const log = await LogNode.open(logOf(cluster.log))
  const all = {
    samples: [] as Sample[], taken: [] as Taken[], spells: [] as Spell[], figures: [] as Array<readonly Figures[]>,
    violations: [] as Violation[], lost: [] as string[]
  }
  let [sessions, events] = [0, 0]
  try {
    for (let season = 1; minuteOf(recorder.now()) < plan.minutes; season++) {
      const ordeals = ordealsOf(chance, plan, plan.seasonMs ?? seasonMsUsual)
      const outcome = await play(
        { name: `t${season}`, seed: plan.seed + season, clients: plan.clients, ordeals }, cluster, recorder, log)
      const figures = figuresOf(outcome.entries, [...outcome.spells, ...calmBetween(outcome.spells)])
      all.figures.push(figures)
      all.taken.push(...figures.flatMap(({ slowest }) => slowest.map(({ at, ms }) => ({ minute: minuteOf(at), ms }))))
      all.spells.push(...outcome.spells)
      all.violations.push(...outcome.violations)
      all.lost.push(...outcome.lost)
      sessions += outcome.sessions
      events += outcome.events
      const vitals = (await cluster.vitals(true)).find(({ process }) => process === `${cluster.nodes[watched]!.name}.1`)
      if (vitals === undefined) throw new Error('the process that is watched is gone')
      const { handles, memoryBytes, process, rssBytes, sessions: held, timers } = vitals
      all.samples.push({
        handles, memoryBytes, process, rssBytes, timers, sessions: held,
        minute: minuteOf(recorder.now()), logBytes: plan.log.kind === 'sqlite' ? sizeOf(plan.log.path) : null
      })
      recorder.startOver()
      plan.onSeason?.(minuteOf(recorder.now()))
    }
  } finally {
    await log.close()
  }
  return { ...all, sessions, events }
}

/** What lies between faults, as a fault of no kind. */
const calmBetween = (spells: readonly Spell[]): readonly Spell[] =>
  spells.slice(1).map((spell, i) => ({ fault: 'none', from: spells[i]!.to, to: spell.from, backAfterMs: 0 }))
