import { openFacade, type Sessions } from '../../consumers/facade.ts'
import { type Hub, hubBroadcast } from './hub.ts'
import type { OpenOptions, World } from '../../consumers/node.ts'
import { systemClock } from '../../core/clock.ts'
import { faultyLog, type LogFaults, noFaults } from './faulty-log.ts'
import { random } from './world.ts'

export interface TestNode {
  readonly name: string
  readonly sessions: Sessions
  /** What goes wrong between this node and the log. */
  readonly faults: LogFaults
}

/** A cluster in one process: real stores on one real log, a hub between them, and faults on command. */
export class TestCluster implements AsyncDisposable {
  readonly hub: Hub
  readonly #log: OpenOptions['log']
  readonly #options: Partial<OpenOptions>
  readonly #nodes = new Map<string, TestNode>()

  constructor(log: OpenOptions['log'], options: Partial<OpenOptions> = {}, hub: Hub = hubBroadcast()) {
    this.hub = hub
    this.#log = log
    this.#options = options
  }

  async open(
    name: string,
    options: Partial<OpenOptions> = {},
    world: World = { clock: systemClock, random }
  ): Promise<TestNode> {
    const faults = noFaults()
    const sessions = await openFacade(
      {
        log: faultyLog(this.#log, faults),
        broadcast: this.hub.broadcast({ cluster: 'test', key: 'the key of a test cluster' }),
        node: name,
        maxStaleness: '1 second',
        ...this.#options,
        ...options
      },
      world
    )
    const node = { name, sessions, faults }
    this.#nodes.set(name, node)
    return node
  }

  /** The node is closed by whoever says so. */
  release(name: string): void {
    this.#nodes.delete(name)
  }

  async openAll(...names: readonly string[]): Promise<readonly TestNode[]> {
    return Promise.all(names.map((name) => this.open(name)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A node that cannot reach the log may still close.
    for (const { faults } of this.#nodes.values()) Object.assign(faults, noFaults())
    await Promise.all([...this.#nodes.values()].map(({ sessions }) => sessions.close()))
  }
}
