import { chance } from '../../bench/harness/chance.ts'
import { foldOf, stateText } from './finals.ts'
import type { Entry, Final, Outcome } from './history.ts'
import { settleMs, troubleMsMax } from './settings.ts'
import { type Scenario, type Step } from './steps.ts'
import { Clients } from './world/clients.ts'
import { Cluster, type Note } from './world/cluster.ts'
import type { Coverage } from './world/coverage.ts'
import { befall } from './world/faults.ts'
import { Timeline } from './world/timeline.ts'

/** So long everything has to open before the first step, ms. */
const openMs = 2_000
const pollMs = 3_700
/** In the end clients come back this often, so that what nobody ended lives to be looked at, ms. */
const keepAliveMs = 2_000

/** Plays a story from its first step to fair weather and a last look at everything. The same one, the same history. */
export const simulate = async (
  scenario: Scenario, steps: readonly Step[], coverage: Coverage
): Promise<Outcome & { readonly ms: number; readonly tasks: number }> => {
  const timeline = new Timeline()
  const entries: Entry[] = []
  const note: Note = (entry) => { entries.push({ at: timeline.now, ...entry } as Entry) }
  const cluster = new Cluster(scenario, timeline, chance(scenario.seed, 3), coverage, note)
  const clients = new Clients(cluster, timeline, coverage, note)
  for (const node of cluster.nodes) cluster.start(node)
  await timeline.pass(openMs)
  let isOver = false
  const poll = (): void => {
    if (isOver) return
    clients.poll()
    clients.auditOne(Math.floor(timeline.now / pollMs))
    timeline.after(pollMs, null, poll)
  }
  poll()
  for (const step of steps) {
    await timeline.pass(step.afterMs)
    if ('forMs' in step) befall(step, cluster, timeline, coverage, (node) => clients.wake(node))
    else clients.act(step)
  }
  isOver = true
  for (const node of cluster.nodes) {
    node.weather.clear()
    cluster.network.tell(node.name)
    cluster.start(node)
  }
  // Whoever is still paused or down comes back in time; so does one who joins now.
  cluster.join('late')
  for (let passed = 0; passed < troubleMsMax + settleMs; passed += keepAliveMs) {
    await timeline.pass(keepAliveMs)
    if (passed < troubleMsMax + settleMs / 2) clients.keepAlive()
  }
  clients.audit(() => true)
  clients.auditAtLast()
  await timeline.pass(openMs)
  return { entries, finals: finals(cluster, clients, coverage), ms: timeline.now, tasks: timeline.ran }
}

/** Slot by slot: all that the log tells of each session, whoever was answered. */
const finals = (cluster: Cluster, clients: Clients, coverage: Coverage): readonly Final[] => {
  const { server } = cluster
  const names = new Map(clients.all.map(({ id, session }) => [id as string, session]))
  const records = server.records()
  // Who has started late has not found these, and none of them can be alive.
  const forgotten = new Set(records.flatMap(({ event, offset, partition }) =>
    event.type === 'SessionStarted' && offset < server.pruned(partition) ? [event.session] : []))
  const states = [...foldOf(records)].filter(([id, { status }]) => status !== 'none' && !forgotten.has(id))
  for (const [, { status }] of states) coverage.count('final', status)
  return cluster.serving().flatMap(({ process }) => states.map(([id, state]): Final =>
    ({ process: process!.name, session: names.get(id) ?? id, logged: stateText(state), holds: stateText(process!.index!.state(id)) })))
}
