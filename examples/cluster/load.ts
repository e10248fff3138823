import { Presets, SingleBar } from 'cli-progress'
import { scheduler } from 'node:timers/promises'
import { Browser } from './browser.ts'
import type { Cluster, ClusterNode } from './cluster.ts'
import { type Ending, wrongAcceptance, type WrongKind, wrongSightings } from './judge.ts'
import { machineMs } from './machine-clock.ts'
import { maxStalenessMs } from './settings.ts'

export interface Wrong {
  readonly kind: WrongKind
  readonly node: string
  readonly session: string
}

/** What the load found on one node. */
export interface NodeFindings {
  readonly node: string
  readonly pageViews: number
  readonly validations: number
  /** From the call of `revoke`, wherever it was made, to the first refusal here; ms, ascending. */
  readonly latencies: readonly number[]
  /** How many sessions were accepted here after a durable acknowledgement, before word came; and how long at most. */
  readonly acceptedMeanwhile: number
  readonly acceptedMeanwhileMsMax: number
  readonly wrong: readonly Wrong[]
}

export interface Findings {
  readonly users: number
  readonly endings: number
  readonly seconds: number
  readonly nodes: readonly NodeFindings[]
}

/**
 * How many users are about at the same time. Without a broadcast no node acknowledges, and a logout with
 * confirm: 'cluster' waits until maxStaleness has passed; so then there are more, most of whom wait.
 */
const usersAtOnce = 30
const usersAtOnceWithoutNats = 150
const pagesPerVisit = 8
/** No new users after that: a slow machine gets fewer, and the table says how many. */
const loadMsMax = 15_000

/** The run so far. */
interface Load {
  readonly cluster: Cluster
  readonly endings: Ending[]
  readonly wrong: Wrong[]
  readonly pageViews: Map<ClusterNode, number>
}

const view = (load: Load, browser: Browser, node: ClusterNode) => {
  load.pageViews.set(node, (load.pageViews.get(node) ?? 0) + 1)
  return browser.me(node)
}

/** Logs in, and has every node's witness watch the session. */
const arrive = async (load: Load, browser: Browser, node: ClusterNode): Promise<string> => {
  const { session } = await browser.login(node)
  const sessions = [{ id: session.id, token: browser.token }]
  await Promise.all(load.cluster.nodes.map((one) => one.ask({ ask: 'watch', sessions })))
  return session.id
}

/** A session is live from the answer to the login to the call of the logout: every page must open, on every node. */
const browse = async (load: Load, browser: Browser, id: string, first: number): Promise<void> => {
  const { nodes } = load.cluster
  for (let page = 0; page < pagesPerVisit; page++) {
    const node = nodes[(first + page) % nodes.length]!
    const { ok } = await view(load, browser, node)
    if (!ok) load.wrong.push({ kind: 'live-refused', node: node.name, session: id })
  }
}

/** After the logout the old cookie is tried on every node. */
const tryAgain = async (load: Load, browser: Browser, ending: Ending): Promise<void> => {
  for (const node of load.cluster.nodes) {
    const { ok, sentAt } = await view(load, browser, node)
    const kind = ok ? wrongAcceptance(ending, node.name, sentAt, maxStalenessMs) : undefined
    if (kind !== undefined) load.wrong.push({ kind, node: node.name, session: ending.id })
  }
}

/**
 * One user, start to end. Two in five log out with confirm: 'cluster'; one in five has two devices and logs out
 * everywhere with one of them.
 */
const user = async (load: Load, number: number): Promise<void> => {
  const { nodes } = load.cluster
  const at = (offset: number): ClusterNode => nodes[(number + offset) % nodes.length]!
  const everywhere = number % 5 === 0
  const confirm = number % 5 === 1 || number % 5 === 2 ? 'cluster' : 'durable'
  const devices = (everywhere ? ['laptop', 'phone'] : ['laptop']).map((device) => new Browser(`user-${number}`, device))
  const ids: string[] = []
  for (const [i, device] of devices.entries()) ids.push(await arrive(load, device, at(i)))
  for (const [i, device] of devices.entries()) await browse(load, device, ids[i]!, number + i)
  const last = at(Math.floor(number / nodes.length))
  const out = await devices[0]!.logout(last, everywhere ? '/logout-everywhere' : '/logout', confirm)
  for (const [i, device] of devices.entries()) {
    const ending = {
      id: ids[i]!, revokedBy: last.name, confirm, called: out.calledAt, acknowledged: out.resolvedAt
    } as const
    load.endings.push(ending)
    await tryAgain(load, device, ending)
  }
}

/** Every node refuses every session that was ended, or the bound for it has passed and a witness has seen that. */
const quiet = async (load: Load): Promise<void> => {
  const deadline = machineMs() + maxStalenessMs + 1_000
  while (machineMs() < deadline) {
    const ids = load.endings.map(({ id }) => id)
    const all = await Promise.all(load.cluster.nodes.map((node) => node.ask({ ask: 'sightings', ids })))
    if (!all.flat().some(({ firstAcceptedAt: yes, firstRefusedAt: no }) => yes !== null && no === null)) return
    await scheduler.wait(50)
  }
}

const findingsOf = async (load: Load, node: ClusterNode): Promise<NodeFindings> => {
  const { sightings, validations } = await node.ask({ ask: 'all-sightings' })
  const seen = new Map(sightings.map((one) => [one.id, one]))
  const wrong = load.wrong.filter((one) => one.node === node.name)
  const latencies: number[] = []
  const meanwhile: number[] = []
  for (const ending of load.endings) {
    const sighting = seen.get(ending.id)
    if (sighting === undefined) continue
    for (const kind of wrongSightings(ending, node.name, sighting, maxStalenessMs)) {
      wrong.push({ kind, node: node.name, session: ending.id })
    }
    if (sighting.firstRefusedAt !== null) latencies.push(sighting.firstRefusedAt - ending.called)
    const late = (sighting.lastAcceptedAt ?? 0) - ending.acknowledged
    if (late > 0) meanwhile.push(late)
  }
  return {
    node: node.name, pageViews: load.pageViews.get(node) ?? 0, validations, wrong,
    latencies: latencies.sort((a, b) => a - b),
    acceptedMeanwhile: meanwhile.length,
    acceptedMeanwhileMsMax: Math.max(0, ...meanwhile)
  }
}

/** Sends `users` users through the cluster, many at a time, and finds out what every node has answered to each. */
export const runLoad = async (cluster: Cluster, users: number): Promise<Findings> => {
  await Promise.all(cluster.nodes.map((node) => node.ask({ ask: 'forget' })))
  const load: Load = { cluster, endings: [], wrong: [], pageViews: new Map() }
  // Says nothing where the output is no terminal.
  const look = { format: '          {bar} {value} of {total} users', barsize: 40, hideCursor: true }
  const bar = new SingleBar(look, Presets.shades_classic)
  bar.start(users, 0)
  const startedAt = machineMs()
  let next = 0
  let done = 0
  const worker = async (): Promise<void> => {
    while (next < users && machineMs() - startedAt < loadMsMax) {
      await user(load, next++)
      bar.update(++done)
    }
  }
  try {
    const workers = cluster.nats === undefined ? usersAtOnceWithoutNats : usersAtOnce
    await Promise.all(Array.from({ length: workers }, worker))
  } finally {
    bar.stop()
  }
  const seconds = (machineMs() - startedAt) / 1_000
  await quiet(load)
  const nodes = await Promise.all(cluster.nodes.map((node) => findingsOf(load, node)))
  return { users: done, endings: load.endings.length, seconds, nodes }
}
