import Database from 'better-sqlite3'
import { closeSync, ftruncateSync, openSync, renameSync, statfsSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { scheduler } from 'node:timers/promises'
import type { Chance } from '../../bench/harness/chance.ts'
import type { Entry, Trouble } from '../simulation/history.ts'
import { until } from '../support/until.ts'
import type { Cluster, Node } from './cluster.ts'
import type { Link } from './proxy.ts'

/** What a fault has at hand. `node` is the one that it befalls, where it befalls one; `server` the one that this prefers. */
export interface Scene {
  readonly cluster: Cluster
  readonly node: Node
  readonly server: number
  readonly chance: Chance
}

/** Begins, and gives the way to its end. */
export interface Fault {
  readonly name: string
  /** What it takes that is not there always. */
  readonly needs?: 'several servers' | 'a small disk'
  /** It is not over before such an entry shows that it is felt. */
  readonly shows?: (entry: Entry) => boolean
  readonly begin: (scene: Scene) => Promise<() => Promise<void> | void>
}

const open: Link = { is: 'open' }

/** The ways of some nodes to all their servers. */
const linkFault = (name: string, link: Link, isForAll = false): Fault => ({
  name,
  begin: async ({ cluster, node }) => {
    const nodes = isForAll ? cluster.nodes : [node]
    const over = cluster.trouble(nodes, 'broadcast')
    for (const one of nodes) cluster.link(one, link)
    return () => {
      for (const one of nodes) cluster.link(one, open)
      over()
    }
  }
})

const serverFault = (name: string, spoil: (scene: Scene) => Promise<() => Promise<void> | void>): Fault => ({
  name,
  begin: async (scene) => {
    const over = scene.cluster.trouble(scene.cluster.nodes, 'broadcast')
    const heal = await spoil(scene)
    return async () => {
      await heal()
      over()
    }
  }
})

/** The nodes' writes fail, and those that were begun go on to for a while. */
const appendFault = (
  name: string, begin: (scene: Scene) => Promise<() => Promise<void> | void>, rest: Partial<Fault> = {}
): Fault => ({
  name, ...rest,
  begin: async (scene) => {
    const over = scene.cluster.trouble(scene.cluster.nodes, 'append' satisfies Trouble)
    const heal = await begin(scene)
    return async () => {
      await heal()
      over()
    }
  }
})

/** As somebody does who opens the file in a shell and begins a transaction. */
const lockLog = async ({ cluster }: Scene): Promise<() => void> => {
  const db = new Database(cluster.log.path)
  db.exec('BEGIN IMMEDIATE')
  return () => {
    db.exec('ROLLBACK')
    db.close()
  }
}

/** Takes what room is left beside the log. */
const fillDisk = async ({ cluster }: Scene): Promise<() => void> => {
  const folder = dirname(cluster.log.path)
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

const killed: Fault = {
  name: 'node killed',
  begin: async ({ cluster, node }) => {
    await cluster.kill(node)
    return () => cluster.start(node)
  }
}

export const faults: readonly Fault[] = [
  { name: 'none', begin: async () => () => {} },
  linkFault('link cut', { is: 'cut' }),
  linkFault('all links cut', { is: 'cut' }, true),
  linkFault('link held', { is: 'held', way: 'both' }),
  linkFault('link held, from the node', { is: 'held', way: 'up' }),
  linkFault('link held, to the node', { is: 'held', way: 'down' }),
  linkFault('links slow', { is: 'slow', delayMs: 150, bytesPerSecond: 8_000 }, true),
  serverFault('server killed', async ({ cluster, server }) => {
    const one = cluster.servers.all[server]!
    await one.kill()
    return () => one.start()
  }),
  serverFault('server frozen', async ({ cluster, server }) => {
    const one = cluster.servers.all[server]!
    await one.freeze()
    return () => one.thaw()
  }),
  serverFault('servers restarted', async ({ cluster }) => {
    // Nothing that they knew survives; whoever was connected finds new ones in their place.
    await Promise.all(cluster.servers.all.map((one) => one.kill()))
    await Promise.all(cluster.servers.all.map((one) => one.start()))
    return () => {}
  }),
  {
    ...serverFault('server cut off from its cluster', async ({ cluster, server }) => {
      cluster.servers.isolate(server, { is: 'held', way: 'both' })
      return () => cluster.servers.isolate(server, open)
    }),
    needs: 'several servers'
  },
  {
    name: 'node paused',
    begin: async ({ cluster, node }) => cluster.pause(node)
  },
  {
    // Nothing that it missed lies in its sockets: it has to find out by itself that it knows too little.
    name: 'node paused, link held',
    begin: async ({ cluster, node }) => {
      const over = cluster.trouble([node], 'broadcast')
      cluster.link(node, { is: 'held', way: 'both' })
      const resume = cluster.pause(node)
      return async () => {
        resume()
        await scheduler.wait(200)
        cluster.link(node, open)
        over()
      }
    }
  },
  killed,
  {
    name: 'node stopped',
    begin: async ({ cluster, node }) => {
      await cluster.stop(node)
      return () => cluster.start(node)
    }
  },
  {
    name: 'log file moved away',
    begin: async ({ cluster }) => {
      const { path } = cluster.log
      const over = cluster.trouble(cluster.nodes, 'log')
      renameSync(path, `${path}.away`)
      return () => {
        renameSync(`${path}.away`, path)
        over()
      }
    },
    shows: (entry) => entry.what === 'answers' && !entry.answer.ok && entry.answer.reason === 'stale'
  },
  appendFault('log locked', lockLog),
  appendFault('log locked, node killed', async (scene) => {
    const unlock = await lockLog(scene)
    // What it has told the others of by then is in no log.
    await scheduler.wait(100 + scene.chance.below(400))
    await scene.cluster.kill(scene.node)
    return () => {
      unlock()
      scene.cluster.start(scene.node)
    }
  }),
  appendFault('disk full', fillDisk, {
    needs: 'a small disk',
    shows: (entry) => entry.what === 'answers' && !entry.answer.ok && entry.answer.reason.startsWith('LogUnavailable')
  })
]
