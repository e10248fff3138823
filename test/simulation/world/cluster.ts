import type { Chance } from '../../../bench/harness/chance.ts'
import type { OpenOptions } from '../../../consumers/node.ts'
import type { Entry, ProcessState, Trouble } from '../history.ts'
import { ratePpm, settings } from '../settings.ts'
import type { Scenario } from '../steps.ts'
import { Network } from './broadcast.ts'
import type { Coverage } from './coverage.ts'
import { LogConnection, LogServer } from './log.ts'
import { Machine } from './machine.ts'
import { Process } from './process.ts'
import { Lane, type Timeline } from './timeline.ts'
import { Weather } from './weather.ts'

type Unplaced<E> = E extends Entry ? Omit<E, 'at'> : never
export type Note = (entry: Unplaced<Entry>) => void

/** A place where processes of one name run, one after the other. */
export interface Node {
  readonly name: string
  readonly machine: Machine
  readonly weather: Weather
  readonly options: Partial<OpenOptions>
  process: Process | undefined
  processes: number
  /** By kind, which trouble is the latest: an earlier one's end does not end it. */
  readonly troubles: Map<Trouble, number>
}

/** The machines of a simulation, and what becomes of them. */
export class Cluster {
  readonly server: LogServer
  readonly network: Network
  readonly nodes: Node[]
  readonly #timeline: Timeline
  readonly #chance: Chance
  readonly #coverage: Coverage
  readonly #note: Note

  constructor(scenario: Scenario, timeline: Timeline, chance: Chance, coverage: Coverage, note: Note) {
    this.#timeline = timeline
    this.#chance = chance
    this.#coverage = coverage
    this.#note = note
    this.server = new LogServer(scenario.partitions, timeline)
    this.network = new Network(timeline, chance, coverage)
    this.nodes = Array.from({ length: scenario.nodes }, (_, i) => this.#node(String.fromCharCode(97 + i), {
      onTooMany: scenario.onTooMany, onStale: scenario.serves && i === scenario.nodes - 1 ? 'serve' : 'refuse'
    }))
  }

  #node(name: string, options: Partial<OpenOptions>): Node {
    const rate = 1 + (this.#chance.below(2 * ratePpm + 1) - ratePpm) / 1_000_000
    const aheadMs = this.#chance.below(100) - 50
    this.#note({ what: 'clock', node: name, aheadMs })
    return {
      name, machine: new Machine(this.#timeline, rate, aheadMs), weather: new Weather(), options, process: undefined,
      processes: 0, troubles: new Map()
    }
  }

  /** A node more than there was, started. */
  join(name: string): Node {
    const node = this.#node(name, {})
    this.nodes.push(node)
    this.start(node)
    return node
  }

  /** Those that answer. */
  serving(): readonly Node[] {
    return this.nodes.filter(({ process }) => process?.store !== undefined && process.lane.state === 'running')
  }

  start(node: Node): void {
    if (node.process !== undefined) return
    const lane = new Lane()
    const process = new Process(`${node.name}.${++node.processes}`, lane, this.#timeline, node.machine)
    node.process = process
    const log = new LogConnection(this.server, node.weather, this.#timeline, lane, this.#chance, this.#coverage)
    this.#tell(node, process, 'opens')
    process.open(
      {
        ...settings, node: node.name, log: log.layer(), broadcast: this.network.layer(lane, node.weather),
        ...node.options
      },
      node.machine, this.#chance.bytes, (error) => {
        if (error === null) {
          this.#tell(node, process, 'serves')
        } else {
          // A supervisor starts it again.
          this.crash(node)
          this.#timeline.after(1_000, null, () => this.start(node))
        }
      })
  }

  crash(node: Node): void {
    const { process } = node
    if (process === undefined) return
    this.#tell(node, process, 'dies')
    process.kill()
    this.over(node, 'paused')
    this.over(node, 'suspended')
    node.process = undefined
  }

  /** In order, and a while after that it is started again. */
  stop(node: Node, thenMs: number): void {
    const { process } = node
    if (process?.store === undefined) return
    this.#tell(node, process, 'stops')
    process.close(() => {
      if (node.process !== process) return
      process.kill()
      node.process = undefined
      this.#timeline.after(thenMs, null, () => this.start(node))
    })
  }

  /** Trouble of a kind begins, and is over after `ms`, unless there is more of it by then. */
  trouble(node: Node, kind: Trouble, ms: number, end: () => void): void {
    const nth = (node.troubles.get(kind) ?? 0) + 1
    node.troubles.set(kind, nth)
    this.#note({ what: 'trouble', node: node.name, kind, on: true })
    this.#timeline.after(ms, null, () => {
      if (node.troubles.get(kind) !== nth) return
      end()
      this.over(node, kind)
    })
  }

  over(node: Node, kind: Trouble): void {
    if (!node.troubles.delete(kind)) return
    this.#note({ what: 'trouble', node: node.name, kind, on: false })
  }

  #tell({ name, options }: Node, { name: process }: Process, state: ProcessState): void {
    this.#note({ what: 'process', process, node: name, state, bounded: options.onStale !== 'serve' })
  }

  setClock(node: Node, aheadMs: number): void {
    node.machine.wallOffsetMs = aheadMs
    this.#note({ what: 'clock', node: node.name, aheadMs })
  }
}
