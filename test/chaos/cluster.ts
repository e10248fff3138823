import { type Child, startChild } from '../../bench/harness/child.ts'
import type { Op, ProcessState, Trouble } from '../simulation/history.ts'
import { type KafkaServer, startKafkaServer } from '../support/kafka-server.ts'
import { LogNode } from '../support/log-node.ts'
import { until } from '../support/until.ts'
import type { Plan } from './chaos.ts'
import { chosen, type LogChoice, logOf } from './log.ts'
import { type Servers, startServers } from './nats.ts'
import type { Done, Held, NodeProtocol, Told, Vitals, Wanted } from './protocol.ts'
import { type Link, type Proxy, startProxy } from './proxy.ts'
import type { Recorder, Seen } from './recorder.ts'

interface Process {
  readonly name: string
  readonly child: Child<NodeProtocol>
  state: 'opens' | 'serves' | 'paused' | 'gone'
}

/** A place where processes of one name run, one after the other, each with ways of its own to the servers. */
export interface Node {
  readonly name: string
  readonly proxies: { readonly [way in Way]: readonly Proxy[] }
  process: Process | undefined
  processes: number
}

/** What a node has ways to. A log in a file needs none. */
export type Way = 'broadcast' | 'log'

/** A supervisor starts a process that did not come up again after so long. */
const restartMs = 300
const file = new URL('./node.ts', import.meta.url)
const openWithinMs = 20_000

const canOpen = async (log: LogChoice): Promise<boolean> => {
  const opened = await LogNode.open(logOf(log)).catch(() => undefined)
  await opened?.close()
  return opened !== undefined
}

/** It takes questions, if it can run. */
const isUp = (process: Process | undefined): process is Process =>
  process !== undefined && (process.state === 'serves' || process.state === 'paused')

/** Real processes on a real log and real servers, and what can be done to them. */
export class Cluster implements AsyncDisposable {
  readonly nodes: readonly Node[]
  readonly servers: Servers
  /** Of the log, where that is in Kafka. */
  readonly broker: KafkaServer | undefined
  readonly log: LogChoice
  readonly #recorder: Recorder
  readonly #mutant: string | undefined
  readonly #owned: AsyncDisposableStack
  readonly #held = new Map<string, Held>()
  #calls = 0
  #isClosed = false

  private constructor(
    nodes: readonly Node[], servers: Servers, broker: KafkaServer | undefined, log: LogChoice, recorder: Recorder,
    mutant: string | undefined, owned: AsyncDisposableStack
  ) {
    this.nodes = nodes
    this.servers = servers
    this.broker = broker
    this.log = log
    this.#recorder = recorder
    this.#mutant = mutant
    this.#owned = owned
  }

  static async start(
    { log: plan, mutant, nodes: size, servers: count }: Pick<Plan, 'log' | 'mutant' | 'nodes' | 'servers'>, recorder: Recorder
  ): Promise<Cluster> {
    await using stack = new AsyncDisposableStack()
    const servers = stack.use(await startServers(count, plan.kind === 'jetstream'))
    const broker = plan.kind === 'kafka' ? stack.use(await startKafkaServer()) : undefined
    const portsOf: Readonly<Record<Way, readonly number[]>> = {
      broadcast: servers.all.map(({ port }) => port),
      log: broker === undefined ? servers.all.map(({ port }) => port) : [broker.port]
    }
    const log = chosen(plan, portsOf.log)
    await until('the log can be had', () => canOpen(log), openWithinMs)
    const nodes: Node[] = []
    for (let i = 0; i < size; i++) {
      const proxies: Record<Way, Proxy[]> = { broadcast: [], log: [] }
      // Each has a server that it prefers: the ones behind it are for when that one is lost.
      for (const way of ['broadcast', 'log'] as const) {
        const ports = portsOf[way]
        for (let k = 0; k < ports.length; k++) proxies[way].push(stack.use(await startProxy(ports[(i + k) % ports.length]!)))
      }
      nodes.push({ name: String.fromCharCode(97 + i), proxies, process: undefined, processes: 0 })
    }
    const cluster = new Cluster(nodes, servers, broker, log, recorder, mutant, stack.move())
    for (const node of nodes) {
      recorder.note({ what: 'clock', node: node.name, aheadMs: 0 }, 0)
      cluster.start(node)
    }
    await until('all nodes serve', () => cluster.serving().length === size, openWithinMs)
    return cluster
  }

  /** Those that answer now. */
  serving(): readonly Node[] {
    return this.nodes.filter(({ process }) => process?.state === 'serves')
  }

  /** Starts a process in the node's place, again and again until one comes up. */
  start(node: Node): void {
    if (node.process !== undefined || this.#isClosed) return
    const name = `${node.name}.${++node.processes}`
    const child = startChild<NodeProtocol>(file, this.#flags(), (told) => this.#hear(node, process, told as Told))
    const process: Process = { name, child, state: 'opens' }
    node.process = process
    const { originNs } = this.#recorder
    const servers = node.proxies.broadcast.map(({ port }) => `nats://127.0.0.1:${port}`)
    const log = chosen(this.log, node.proxies.log.map(({ port }) => port))
    void child.ask('open', { node: node.name, log, servers, originNs: String(originNs) }).then(
      () => this.#serves(process),
      async () => {
        if (process.state === 'gone') return
        await this.#remove(node, process, 'dies')
        setTimeout(() => this.start(node), restartMs)
      })
  }

  #flags(): readonly string[] {
    if (this.#mutant === undefined) return ['--expose-gc']
    process.env['CURFEW_MUTANT'] = this.#mutant
    return ['--expose-gc', '--import', new URL('./mutant.ts', import.meta.url).href]
  }

  #serves(process: Process): void {
    if (process.state === 'opens') process.state = 'serves'
    for (const held of this.#held.values()) this.#send(process, held)
  }

  /** SIGKILL: it is gone in the middle of whatever it did. */
  async kill(node: Node): Promise<void> {
    const { process } = node
    if (process === undefined) return
    await this.#remove(node, process, 'dies')
  }

  async #remove(node: Node, process: Process, state: ProcessState): Promise<void> {
    this.#tell(node, process, state)
    process.state = 'gone'
    node.process = undefined
    await process.child.kill()
  }

  /** Closes in order, and ends. */
  async stop(node: Node): Promise<void> {
    const { process } = node
    if (process?.state !== 'serves') return
    this.#tell(node, process, 'stops')
    process.state = 'gone'
    await process.child.ask('close', null).catch(() => null)
    await process.child.stop()
    node.process = undefined
  }

  /** SIGSTOP; the way back is given. */
  pause(node: Node): () => void {
    const { process } = node
    if (process?.state !== 'serves') return () => {}
    process.state = 'paused'
    globalThis.process.kill(process.child.pid, 'SIGSTOP')
    return () => {
      if (process.state !== 'paused') return
      globalThis.process.kill(process.child.pid, 'SIGCONT')
      process.state = 'serves'
    }
  }

  /** Notes that these nodes are in trouble, and gives the way to note its end. */
  trouble(nodes: readonly Node[], kind: Trouble): () => void {
    for (const { name } of nodes) this.#recorder.note({ what: 'trouble', node: name, kind, on: true })
    return () => { for (const { name } of nodes) this.#recorder.note({ what: 'trouble', node: name, kind, on: false }) }
  }

  link(node: Node, ways: readonly Way[], link: Link): void {
    for (const way of ways) for (const proxy of node.proxies[way]) proxy.set(link)
  }

  /** Asks a node for something, and notes both. Undefined: it never answered, for it is gone. */
  async ask(node: Node, op: Op, wanted: Wanted): Promise<Done | undefined> {
    const { process } = node
    if (!isUp(process)) return undefined
    const call = ++this.#calls
    const note = this.#recorder.note.bind(this.#recorder)
    const sentAt = this.#recorder.now()
    try {
      const done = await process.child.ask('ask', wanted)
      note({ what: 'asks', call, process: process.name, op }, done.askedAt)
      note({ what: 'answers', call, answer: done.answer }, done.answeredAt)
      return done
    } catch {
      note({ what: 'asks', call, process: process.name, op }, sentAt)
      return undefined
    }
  }

  /** A request whose token is only looked at. */
  async validate(node: Node, name: string, token: string, touch: boolean): Promise<Done | undefined> {
    const { process } = node
    if (!isUp(process)) return undefined
    const done = await process.child.ask('ask', { op: 'validate', token, touch }).catch(() => undefined)
    if (done === undefined) return undefined
    this.#validates(process.name, name, touch, done.answer.ok ? 'ok' : done.answer.reason, done.askedAt)
    return done
  }

  vitals(collects = false): Promise<ReadonlyArray<Vitals & { readonly process: string }>> {
    return Promise.all(this.#running().map(async ({ child, name }) =>
      ({ process: name, ...await child.ask('vitals', { collects }) })))
  }

  finals(ids: readonly string[]): Promise<ReadonlyArray<{ readonly process: string; readonly texts: readonly string[] }>> {
    return Promise.all(this.#running().map(async ({ child, name }) => ({ process: name, texts: await child.ask('finals', ids) })))
  }

  #running(): readonly Process[] {
    return this.serving().map(({ process }) => process!)
  }

  /** From now on every process looks at this token all the time, instead of at the session's last one. */
  hold(held: Held): void {
    this.#held.set(held.session, held)
    for (const { process } of this.nodes) if (isUp(process)) this.#send(process, held)
  }

  /** It is over for so long that nobody needs to look. */
  letGo(session: string): void {
    this.#held.delete(session)
  }

  #send({ child }: Process, held: Held): void {
    child.ask('hold', held).catch(() => null)
  }

  #hear(node: Node, process: Process, told: Told): void {
    const { name } = process
    switch (told.told) {
      case 'opens': case 'serves': return this.#tell(node, process, told.told, told.at)
      case 'verdict':
        return this.#validates(name, told.name, false, told.verdict, told.at)
      case 'watches': {
        const call = ++this.#calls
        this.#recorder.note({ what: 'asks', call, process: name, op: { op: 'signal', session: told.session } }, told.at)
        return this.#recorder.note({ what: 'answers', call, answer: { ok: true } }, told.at)
      }
      case 'aborts':
        return this.#recorder.note({ what: 'aborts', process: name, session: told.session, reason: told.reason }, told.at)
      case 'starved':
        this.#recorder.note({ what: 'trouble', node: node.name, kind: 'slow', on: true }, told.from)
        return this.#recorder.note({ what: 'trouble', node: node.name, kind: 'slow', on: false }, told.to)
    }
  }

  #validates(process: string, token: string, touch: boolean, verdict: string, at: number): void {
    this.#recorder.note({ what: 'validates', process, token, touch, verdict } as Seen, at)
  }

  #tell({ name: node }: Node, { name: process }: Process, state: ProcessState, at?: number): void {
    this.#recorder.note({ what: 'process', process, node, state, bounded: true }, at)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.nodes.map(async ({ process }) => {
      if (process === undefined) return
      process.state = 'gone'
      await process.child.stop()
    }))
    await this.#owned.disposeAsync()
  }
}
