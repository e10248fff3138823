import { scheduler } from 'node:timers/promises'
import { chance as chanceOf } from '../../bench/harness/chance.ts'
import { check, type Violation } from '../simulation/checker/check.ts'
import { foldOf } from '../simulation/finals.ts'
import type { Entry } from '../simulation/history.ts'
import type { LogNode } from '../support/log-node.ts'
import { until } from '../support/until.ts'
import { Clients } from './clients.ts'
import type { Cluster } from './cluster.ts'
import type { Fault } from './faults.ts'
import type { Spell } from './figures.ts'
import { lostEvents } from './lost.ts'
import { ofSeason, type Recorder } from './recorder.ts'
import { allFresh, allServe, finalsOf, settled } from './settled.ts'

/** A fault that is to come, and which node it befalls, by its number. */
export interface Ordeal {
  readonly fault: Fault
  readonly node: number
  readonly forMs: number
  /** Before it. */
  readonly calmMs: number
}

/** A time of load and faults on a cluster, between two times of calm. */
export interface Season {
  /** Begins the names of its sessions. */
  readonly name: string
  readonly seed: number
  readonly clients: number
  readonly ordeals: readonly Ordeal[]
  readonly onOrdeal?: (ordeal: Ordeal) => void
}

export interface Outcome {
  readonly entries: readonly Entry[]
  readonly spells: readonly Spell[]
  readonly violations: readonly Violation[]
  readonly lost: readonly string[]
  readonly sessions: number
  readonly events: number
}

/** A fault that has to show goes on until it does, or for so long at most. */
const showsWithinMs = 20_000
/** What a process works off in one go: an answer may have been on its way for so long. */
const turnMs = 20
/** Between the last request and the last look, so that the checker tells them apart. */
const quietMs = 2_500

const befall = async ({ onOrdeal, ordeals, seed }: Season, cluster: Cluster, recorder: Recorder): Promise<readonly Spell[]> => {
  const chance = chanceOf(seed, 2)
  const servers = cluster.servers.all.length
  const spells: Spell[] = []
  for (const ordeal of ordeals) {
    const { calmMs, fault, forMs, node } = ordeal
    onOrdeal?.(ordeal)
    await scheduler.wait(calmMs)
    await allServe(cluster)
    const from = recorder.now()
    const befallen = fault.befalls === 'the node' ? [cluster.nodes[node]!] : cluster.nodes
    const overs = fault.troubles(cluster.log.kind).map((trouble) => cluster.trouble(befallen, trouble))
    const heal = await fault.begin({ cluster, node: cluster.nodes[node]!, server: node % servers, chance })
    try {
      await scheduler.wait(forMs)
      const { shows } = fault
      if (shows !== undefined) {
        await until(`${fault.name} shows`, () => recorder.since(from).some(shows), showsWithinMs)
      }
    } finally {
      await heal()
    }
    const to = recorder.now()
    // The trouble of a node lasts until it has caught up; that this takes long is a figure, and an end to it is checked.
    await allFresh(cluster)
    for (const over of overs) over()
    spells.push({ fault: fault.name, from, to, backAfterMs: recorder.now() - to })
  }
  return spells
}

/** Plays a season, and holds what was answered, and what is in the log and the nodes, against the promises. */
export const play = async (season: Season, cluster: Cluster, recorder: Recorder, log: LogNode): Promise<Outcome> => {
  const from = await log.head()
  const clients = new Clients(cluster, chanceOf(season.seed, 1), season.name)
  const load = clients.run(season.clients)
  const spells = await befall(season, cluster, recorder).finally(() => clients.stop())
  await load
  await scheduler.wait(quietMs)
  const unwell = await settled(cluster, recorder)
  await clients.lookAtLast()
  const finals = await finalsOf(cluster, clients.ids, log, from)
  const records = await log.read(from)
  const entries = ofSeason(recorder.entries(), season.name)
  await clients.endAll()
  return {
    entries, spells,
    violations: [...check({ entries, finals }, turnMs), ...unwell],
    lost: lostEvents(entries, clients.ids, records, foldOf(records)),
    sessions: clients.ids.size,
    events: records.length
  }
}
