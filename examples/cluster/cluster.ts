import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FromKeeper, ToKeeper } from './keeper.ts'
import { KafkaServer } from './kafka-server.ts'
import { NatsServer } from './nats-server.ts'
import { type LogKind, nodeCount } from './settings.ts'
import { type Answers, type Question, Wire } from './wire.ts'

const sibling = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

/** How long a process may take to end by itself before it is killed. */
const endMsMax = 3_000

/** One of the node processes, and its successors after a restart. */
export class ClusterNode {
  readonly number: number
  readonly name: string
  readonly #arguments: readonly string[]
  readonly #onChange: () => void
  #child: ChildProcess | undefined
  #wire: Wire | undefined
  port = 0

  constructor(number: number, args: readonly string[], onChange: () => void) {
    this.number = number
    this.name = `node-${number}`
    this.#arguments = ['--node', this.name, ...args]
    this.#onChange = onChange
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  async start(): Promise<void> {
    const child = fork(sibling('node.ts'), this.#arguments)
    this.#child = child
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined
      this.#onChange()
    })
    this.#onChange()
    this.#wire = new Wire(child, this.name)
    this.port = await this.#wire.ready
  }

  ask<Q extends Question>(question: Q): Promise<Answers[Q['ask']]> {
    return this.#wire === undefined
      ? Promise.reject(new Error(`${this.name} was not started`))
      : this.#wire.ask(question)
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal)
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Lets it close; kills it if it does not. */
  async stop(): Promise<void> {
    this.signal('SIGCONT')
    await this.#end('SIGTERM')
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    const ended = once(child, 'exit')
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), endMsMax)
    await ended
    clearTimeout(timer)
  }
}

/** What a cluster runs on. */
export interface ClusterParts {
  readonly log: LogKind
  /** The nats-server of this machine, if there is one. */
  readonly natsBinary: string | undefined
  /** Without it the nodes run on the log's tail alone. */
  readonly withBroadcast: boolean
}

/** Three nodes on one log, a nats-server if there is one, and a keeper that clears up after us whatever happens. */
export class Cluster {
  // A group of its own, so that a Ctrl-C in the terminal does not reach it.
  readonly #keeper = fork(sibling('keeper.ts'), { detached: true, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  #nats: NatsServer | undefined
  #logServer: NatsServer | KafkaServer | undefined
  #nodes: readonly ClusterNode[] = []
  #stopped: Promise<void> | undefined
  /** The file of the log, or its folder. */
  log = ''

  /** The server of the log, where it has one: not that of the broadcast, which the story kills. */
  get logServer(): NatsServer | KafkaServer | undefined {
    return this.#logServer
  }

  get nats(): NatsServer | undefined {
    return this.#nats
  }

  get nodes(): readonly ClusterNode[] {
    return this.#nodes
  }

  node(number: number): ClusterNode {
    const found = this.#nodes[number - 1]
    if (found === undefined) throw new Error(`there is no node ${number}`)
    return found
  }

  async start({ log, natsBinary, withBroadcast }: ClusterParts): Promise<void> {
    const folder = await this.#folder()
    this.log = join(folder, log === 'sqlite' ? 'sessions.db' : log)
    if (log === 'jetstream') {
      if (natsBinary === undefined) throw new Error('a log on JetStream needs a nats-server: npm run services gets one')
      this.#logServer = await NatsServer.prepare(natsBinary, this.#keeper, ['-js', '-sd', this.log])
    }
    if (log === 'kafka') this.#logServer = await KafkaServer.prepare(this.#keeper, this.log)
    this.#nats = natsBinary === undefined || !withBroadcast
      ? undefined
      : await NatsServer.prepare(natsBinary, this.#keeper)
    for (const server of [this.#logServer, this.#nats]) {
      this.#checkNotStopped()
      await server?.start()
    }
    this.#checkNotStopped()
    const where = this.#logServer?.url ?? this.log
    const args = ['--log', where, ...(this.#nats === undefined ? [] : ['--nats', this.#nats.url])]
    this.#nodes = Array.from({ length: nodeCount }, (_, i) => new ClusterNode(i + 1, args, () => this.#tellKeeper()))
    await Promise.all(this.#nodes.map((node) => node.start()))
  }

  /** Ends every process that was started and removes the folder. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()))
    if (!this.#keeper.connected) return
    const gone = once(this.#keeper, 'exit')
    this.#keeper.disconnect()
    await gone
  }

  async #folder(): Promise<string> {
    const lost = once(this.#keeper, 'exit').then(() => Promise.reject(new Error('the keeper has ended')))
    const [message] = await Promise.race([once(this.#keeper, 'message') as Promise<[FromKeeper]>, lost])
    if (message.kind !== 'ready') throw new Error('the keeper is not ready')
    return message.folder
  }

  /** Whoever stops it while it starts wants nothing more to be started. */
  #checkNotStopped(): void {
    if (this.#stopped !== undefined) throw new Error('the cluster was stopped while it started')
  }

  #tellKeeper(): void {
    const pids = this.#nodes.map((node) => node.pid).filter((pid) => pid !== undefined)
    if (this.#keeper.connected) this.#keeper.send({ pids } satisfies ToKeeper)
  }
}
