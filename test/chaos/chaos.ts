import { chance as chanceOf } from '../../bench/harness/chance.ts'
import { LogNode } from '../support/log-node.ts'
import { Cluster } from './cluster.ts'
import type { Fault } from './faults.ts'
import { type Figures, figuresOf } from './figures.ts'
import { type LogPlan, logOf } from './log.ts'
import { Recorder } from './recorder.ts'
import { type Outcome, play } from './season.ts'

/** What is to happen to a new cluster. */
export interface Plan {
  readonly seed: number
  readonly nodes: number
  readonly servers: number
  readonly clients: number
  readonly log: LogPlan
  /** In this order, one after the other. */
  readonly faults: readonly Fault[]
  readonly faultMs: number
  /** Between two of them. */
  readonly calmMs: number
  /** A bug that the nodes have: the name of a mutant of the simulator. */
  readonly mutant?: string
  readonly onFault?: () => void
}

export interface Report extends Outcome {
  readonly figures: readonly Figures[]
}

/** Plays a plan: load and faults on a real cluster, then calm, and a close look at what was answered. */
export const chaos = async (plan: Plan): Promise<Report> => {
  const { calmMs, clients, faultMs: forMs, faults, nodes, onFault, seed } = plan
  const recorder = new Recorder()
  await using cluster = await Cluster.start(plan, recorder)
  const chance = chanceOf(seed, 3)
  const log = await LogNode.open(logOf(cluster.log))
  try {
    const outcome = await play({
      name: '', seed, clients, ordeals: faults.map((fault) => ({ fault, node: chance.below(nodes), forMs, calmMs })),
      ...(onFault === undefined ? {} : { onOrdeal: onFault })
    }, cluster, recorder, log)
    return { ...outcome, figures: figuresOf(outcome.entries, outcome.spells) }
  } finally {
    await log.close()
  }
}
