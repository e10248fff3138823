import type { Chance } from '../../../bench/harness/chance.ts'

/** Which way a connection is cut, if it is. */
export type Cut = 'none' | 'out' | 'in' | 'both'

/** What an append meets: nothing is written; written, and the answer lost; written in some partitions; in its time. */
export type AppendFault = 'none' | 'fails' | 'loses-answer' | 'half' | 'slow'

/** What lies between one node and the rest of the world, at the moment. It survives the node's processes. */
export class Weather {
  log: Cut = 'none'
  /** What a request meets that the cut swallows: an error, or no answer until the cut is over. */
  hangs = false
  append: AppendFault = 'none'
  /** On the way to and from the log, ms. */
  logDelayMs = 0
  broadcast: Cut = 'none'
  /** Whether the node's client knows that the broadcast is cut. */
  noticed = false
  /** Of a hundred messages to this node so many are lost, doubled, delayed, damaged. */
  lost = 0
  doubled = 0
  delayed = 0
  damaged = 0
  readonly #healed: Array<() => void> = []

  /** Calls back when the log can be reached again. */
  onLogHealed(task: () => void): void {
    this.#healed.push(task)
  }

  logHealed(): void {
    for (const task of this.#healed.splice(0)) task()
  }

  /** Fair weather from now on. */
  clear(): void {
    this.log = 'none'
    this.hangs = false
    this.append = 'none'
    this.logDelayMs = 0
    this.broadcast = 'none'
    this.noticed = false
    this.lost = 0
    this.doubled = 0
    this.delayed = 0
    this.damaged = 0
    this.logHealed()
  }
}

/** A short way over a network, ms: mostly a fraction of one. */
export const trip = (chance: Chance): number => 0.1 + chance.below(100) / 100 + (chance.below(20) === 0 ? chance.below(10) : 0)
