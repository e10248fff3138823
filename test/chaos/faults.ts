import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import Database from 'better-sqlite3'
import { closeSync, ftruncateSync, openSync, renameSync, statfsSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { scheduler } from 'node:timers/promises'
import type { Chance } from '../../bench/harness/chance.ts'
import type { Entry, Trouble } from '../simulation/history.ts'
import type { KafkaServer } from '../support/kafka-server.ts'
import type { NatsServer } from '../support/nats-server.ts'
import { until } from '../support/until.ts'
import type { Cluster, Node, Way } from './cluster.ts'
import type { LogPlan } from './log.ts'
import type { Link } from './proxy.ts'

/** What a fault has at hand. `node` is the one that it befalls, where it befalls one; `server` the one that this prefers. */
export interface Scene {
  readonly cluster: Cluster
  readonly node: Node
  readonly server: number
  readonly chance: Chance
}

type Heal = () => Promise<void> | void
type Need = 'several servers' | 'a small disk' | 'a log in a file' | 'a log far away' | 'a log on the servers' | 'a log in Kafka'

export interface Fault {
  readonly name: string
  /** What it takes that is not there always. */
  readonly needs: readonly Need[]
  /** Whom it keeps from their work. */
  readonly befalls: 'the node' | 'all nodes'
  /** From what, where the log is a file, and where it is on the servers. */
  readonly troubles: (log: LogPlan['kind']) => readonly Trouble[]
  /** It is not over before such an entry shows that it is felt. */
  readonly shows?: (entry: Entry) => boolean
  /** Begins, and gives the way to its end. */
  readonly begin: (scene: Scene) => Promise<Heal>
}

/** Those that can befall such a cluster. */
export const faultsFor = (log: LogPlan, servers: number, hasSmallDisk: boolean): readonly Fault[] => {
  const has: { readonly [need in Need]: boolean } = {
    'several servers': servers > 1, 'a small disk': hasSmallDisk, 'a log in a file': log.kind === 'sqlite',
    'a log far away': log.kind !== 'sqlite', 'a log on the servers': log.kind === 'jetstream', 'a log in Kafka': log.kind === 'kafka'
  }
  return faults.filter(({ needs }) => needs.every((need) => has[need]))
}

const open: Link = { is: 'open' }
const held: Link = { is: 'held', way: 'both' }
const troubleOf: { readonly [way in Way]: readonly Trouble[] } = { broadcast: ['broadcast'], log: ['log', 'append'] }

/** What keeps the nodes from the servers keeps them from the log as well, where that is there. */
const ofServers = (log: LogPlan['kind']): readonly Trouble[] => log === 'jetstream' ? ['broadcast', 'log', 'append'] : ['broadcast']
/** What keeps them from everything does so wherever the log is, but in a file. */
const ofAllWays = (log: LogPlan['kind']): readonly Trouble[] => log === 'sqlite' ? ['broadcast'] : ['broadcast', 'log', 'append']

/** The ways of a node, or of all, to all their servers. */
const linkFault = (name: string, ways: readonly Way[], link: Link, isForAll = false): Fault => ({
  name,
  needs: ways.includes('log') ? ['a log far away'] : [],
  befalls: isForAll ? 'all nodes' : 'the node',
  troubles: () => ways.flatMap((way) => troubleOf[way]),
  begin: async ({ cluster, node }) => {
    const nodes = isForAll ? cluster.nodes : [node]
    for (const one of nodes) cluster.link(one, ways, link)
    return () => { for (const one of nodes) cluster.link(one, ways, open) }
  }
})

const serverFault = (name: string, begin: (scene: Scene) => Promise<Heal>, needs: readonly Need[] = []): Fault =>
  ({ name, needs, befalls: 'all nodes', troubles: ofServers, begin })

const brokerFault = (name: string, begin: (broker: KafkaServer) => Promise<Heal>): Fault => ({
  name, needs: ['a log in Kafka'], befalls: 'all nodes', troubles: () => troubleOf.log,
  begin: async ({ cluster: { broker } }) => {
    if (broker === undefined) throw new Error('there is no broker')
    return begin(broker)
  }
})

const nodeFault = (name: string, begin: (scene: Scene) => Promise<Heal>, troubles: readonly Trouble[] = []): Fault =>
  ({ name, needs: [], befalls: 'the node', troubles: () => troubles, begin })

const fileFault = (
  name: string, trouble: 'log' | 'append', begin: (scene: Scene) => Promise<Heal>, rest: Partial<Fault> = {}
): Fault => ({ name, needs: ['a log in a file'], befalls: 'all nodes', troubles: () => [trouble], begin, ...rest })

const killServer = (one: NatsServer | KafkaServer): Promise<Heal> => one.kill().then(() => () => one.start())
const freezeServer = (one: NatsServer | KafkaServer): Promise<Heal> => one.freeze().then(() => () => one.thaw())

/** The server that decides for the log now. */
const leaderOf = async ({ servers }: Cluster): Promise<NatsServer> => {
  const connection = await connect({ servers: servers.all.map(({ url }) => url), ignoreClusterUpdates: true })
  try {
    const { cluster } = await (await jetstreamManager(connection)).streams.info('curfew-chaos')
    return servers.all[Number(cluster?.leader?.slice(1) ?? 0)]!
  } finally {
    await connection.close()
  }
}

const fileOf = ({ log }: Cluster): string => {
  if (log.kind !== 'sqlite') throw new Error('this log is no file')
  return log.path
}

/** As somebody does who opens the file in a shell and begins a transaction. */
const lockLog = async ({ cluster }: Scene): Promise<() => void> => {
  const db = new Database(fileOf(cluster))
  db.exec('BEGIN IMMEDIATE')
  return () => {
    db.exec('ROLLBACK')
    db.close()
  }
}

/** Takes what room is left beside the log. */
const fillDisk = async ({ cluster }: Scene): Promise<Heal> => {
  const folder = dirname(fileOf(cluster))
  const file = openSync(join(folder, 'ballast'), 'w')
  const block = Buffer.alloc(4_096)
  try {
    for (;;) writeSync(file, block)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  }
  // The log grows into what it has left of its last page; what else there was is gone.
  await until('the disk is full', () => statfsSync(folder).bfree === 0)
  return () => {
    ftruncateSync(file, 0)
    closeSync(file)
  }
}

const answered = (test: (reason: string) => boolean) => (entry: Entry): boolean =>
  entry.what === 'answers' && !entry.answer.ok && test(entry.answer.reason)

/** What a node tells the others by then is in no log. */
const killBeforeItWrites = async ({ chance, cluster, node }: Scene): Promise<void> => {
  await scheduler.wait(100 + chance.below(400))
  await cluster.kill(node)
}

const ofNetwork: readonly Fault[] = [
  linkFault('link cut', ['broadcast'], { is: 'cut' }),
  linkFault('all links cut', ['broadcast'], { is: 'cut' }, true),
  linkFault('link held', ['broadcast'], held),
  linkFault('link held, from the node', ['broadcast'], { is: 'held', way: 'up' }),
  linkFault('link held, to the node', ['broadcast'], { is: 'held', way: 'down' }),
  linkFault('links slow', ['broadcast'], { is: 'slow', delayMs: 150, bytesPerSecond: 8_000 }, true),
  linkFault('log link cut', ['log'], { is: 'cut' }),
  linkFault('log link held', ['log'], held),
  linkFault('log link held, from the node', ['log'], { is: 'held', way: 'up' }),
  linkFault('log link held, to the node', ['log'], { is: 'held', way: 'down' }),
  linkFault('log links slow', ['log'], { is: 'slow', delayMs: 60, bytesPerSecond: 400_000 }, true),
  linkFault('node cut off', ['broadcast', 'log'], held)
]

const ofServer: readonly Fault[] = [
  serverFault('server killed', ({ cluster, server }) => killServer(cluster.servers.all[server]!)),
  serverFault('server frozen', ({ cluster, server }) => freezeServer(cluster.servers.all[server]!)),
  serverFault('servers restarted', async ({ cluster }) => {
    // Nothing survives that was not on a disk; whoever was connected finds new ones in their place.
    await Promise.all(cluster.servers.all.map((one) => one.kill()))
    await Promise.all(cluster.servers.all.map((one) => one.start()))
    return () => {}
  }),
  serverFault('server cut off from its cluster', async ({ cluster, server }) => {
    cluster.servers.isolate(server, held)
    return () => cluster.servers.isolate(server, open)
  }, ['several servers']),
  serverFault('leader killed', async ({ cluster }) => killServer(await leaderOf(cluster)), ['several servers', 'a log on the servers']),
  serverFault('leader frozen', async ({ cluster }) => freezeServer(await leaderOf(cluster)), ['several servers', 'a log on the servers'])
]

const ofBroker: readonly Fault[] = [
  brokerFault('broker killed', killServer),
  brokerFault('broker frozen', freezeServer)
]

const ofNode: readonly Fault[] = [
  nodeFault('node paused', async ({ cluster, node }) => cluster.pause(node), ['paused']),
  {
    // Nothing that it missed lies in its sockets: it has to find out by itself that it knows too little.
    name: 'node paused, link held', needs: [], befalls: 'the node', troubles: (log) => ['paused', ...ofAllWays(log)],
    begin: async ({ cluster, node }) => {
      cluster.link(node, ['broadcast', 'log'], held)
      const resume = cluster.pause(node)
      return async () => {
        resume()
        await scheduler.wait(200)
        cluster.link(node, ['broadcast', 'log'], open)
      }
    }
  },
  nodeFault('node killed', async ({ cluster, node }) => {
    await cluster.kill(node)
    return () => cluster.start(node)
  }),
  nodeFault('node stopped', async ({ cluster, node }) => {
    await cluster.stop(node)
    return () => cluster.start(node)
  }),
  {
    ...linkFault('log link held, node killed', ['log'], held),
    begin: async (scene) => {
      const { cluster, node } = scene
      cluster.link(node, ['log'], held)
      await killBeforeItWrites(scene)
      return () => {
        cluster.link(node, ['log'], open)
        cluster.start(node)
      }
    }
  }
]

const ofFile: readonly Fault[] = [
  fileFault('log file moved away', 'log', async ({ cluster }) => {
    const path = fileOf(cluster)
    renameSync(path, `${path}.away`)
    return () => renameSync(`${path}.away`, path)
  }, { shows: answered((reason) => reason === 'stale') }),
  fileFault('log locked', 'append', lockLog),
  fileFault('log locked, node killed', 'append', async (scene) => {
    const unlock = await lockLog(scene)
    await killBeforeItWrites(scene)
    return () => {
      unlock()
      scene.cluster.start(scene.node)
    }
  }),
  fileFault('disk full', 'append', fillDisk, {
    needs: ['a log in a file', 'a small disk'], shows: answered((reason) => reason.startsWith('LogUnavailable'))
  })
]

/** They end a process. */
export const deadly: readonly string[] = ['node killed', 'node stopped', 'log locked, node killed', 'log link held, node killed']

export const faults: readonly Fault[] = [
  { name: 'none', needs: [], befalls: 'the node', troubles: () => [], begin: async () => () => {} },
  ...ofNetwork, ...ofServer, ...ofBroker, ...ofNode, ...ofFile
]
