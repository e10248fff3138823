/**
 * The story. Every time printed here runs from the call of the store on the node that acts to the end of the first
 * `validate` on the node that is named which refused (or accepted): taken inside the nodes, by the machine's one
 * monotonic clock, by a witness that asks about once a millisecond and at once when a session's signal aborts.
 */
import { scheduler } from 'node:timers/promises'
import type { LoggedIn, LoggedOut } from './app.ts'
import { Browser } from './browser.ts'
import type { Cluster, ClusterNode } from './cluster.ts'
import { machineMs } from './machine-clock.ts'
import { maxStalenessMs } from './settings.ts'
import { line, ms } from './timeline.ts'
import type { Sighting } from './witness.ts'

export interface Step {
  readonly title: string
  readonly play: (cluster: Cluster) => Promise<void>
  /** Only told when there is a nats-server. */
  readonly needsNats?: true
}

/** A device with a session that every node's witness watches. */
interface Visit {
  readonly browser: Browser
  readonly id: string
  readonly login: LoggedIn
}

/** How long the story waits for anything before it fails. */
const patienceMs = 20_000

const check = (holds: boolean, otherwise: string): void => {
  if (!holds) throw new Error(otherwise)
}

/** Asks again and again until there is an answer. */
const until = async <A>(what: string, ask: () => Promise<A | undefined>): Promise<A> => {
  const deadline = machineMs() + patienceMs
  for (;;) {
    const found = await ask()
    if (found !== undefined) return found
    if (machineMs() > deadline) throw new Error(`waited ${patienceMs / 1_000} s in vain until ${what}`)
    await scheduler.wait(2)
  }
}

const sighting = async (node: ClusterNode, { id }: Visit): Promise<Sighting> => {
  const [found] = await node.ask({ ask: 'sightings', ids: [id] })
  if (found === undefined) throw new Error(`${node.name} does not watch session ${id}`)
  return found
}

const accepted = (node: ClusterNode, visit: Visit): Promise<number> =>
  until(`${node.name} accepts the session`, async () => (await sighting(node, visit)).firstAcceptedAt ?? undefined)

const refused = (node: ClusterNode, visit: Visit): Promise<number> =>
  until(`${node.name} refuses the session`, async () => (await sighting(node, visit)).firstRefusedAt ?? undefined)

const watch = async (nodes: readonly ClusterNode[], visits: readonly Visit[]): Promise<void> => {
  const sessions = visits.map(({ browser, id }) => ({ id, token: browser.token }))
  await Promise.all(nodes.map((node) => node.ask({ ask: 'watch', sessions })))
}

/** Logs in, has all nodes watch the session, and waits until all accept it. */
const visit = async (cluster: Cluster, name: string, device: string, number: number): Promise<Visit> => {
  const browser = new Browser(name, device)
  const login = await browser.login(cluster.node(number))
  const one = { browser, id: login.session.id, login }
  await watch(cluster.nodes, [one])
  await Promise.all(cluster.nodes.map((node) => accepted(node, one)))
  return one
}

/** Tells how long each node took to refuse, and fails if one does not. */
const tellRefusals = async (nodes: readonly ClusterNode[], visits: readonly Visit[], out: LoggedOut): Promise<void> => {
  for (const node of nodes) {
    const times = await Promise.all(visits.map((one) => refused(node, one)))
    const label = visits.length === 1 ? 'refused' : `all ${visits.length} sessions refused`
    line(`${label} on ${node.name} after`, ms(Math.max(...times) - out.calledAt))
  }
}

const tellReceipt = ({ receipt }: LoggedOut): void => {
  line('durable in the log after', ms(receipt.durableAfterMs))
  if (receipt.confirmedAfterMs !== undefined) {
    line('certain for the whole cluster after', ms(receipt.confirmedAfterMs))
    line('acknowledged by', receipt.confirmedBy.join(', '))
  }
}

const logInAndOut: Step = {
  title: 'Log in on node 1, log out on node 3',
  play: async (cluster) => {
    const browser = new Browser('ada', 'laptop')
    const login = await browser.login(cluster.node(1))
    line('ada logs in on node-1: durable, and good there, after', ms(login.resolvedAt - login.calledAt))
    for (const node of cluster.nodes) {
      const answer = await browser.me(node)
      check(answer.ok, `${node.name} refuses a live session: ${answer.reason}`)
      line(`a request to ${node.name} with her cookie`, '200, hello ada')
    }
    const one = { browser, id: login.session.id, login }
    await watch(cluster.nodes, [one])
    await Promise.all(cluster.nodes.map((node) => accepted(node, one)))
    const out = await browser.logout(cluster.node(3), '/logout')
    line('ada logs out on node-3')
    await tellRefusals(cluster.nodes, [one], out)
    tellReceipt(out)
    for (const node of cluster.nodes) {
      const answer = await browser.me(node)
      check(!answer.ok, `${node.name} still accepts the session`)
      line(`a request to ${node.name} with her old cookie`, `401, ${answer.reason}`)
    }
  }
}

const logOutEverywhere: Step = {
  title: 'Log out everywhere',
  play: async (cluster) => {
    const visits = [
      await visit(cluster, 'grace', 'laptop', 1),
      await visit(cluster, 'grace', 'phone', 2),
      await visit(cluster, 'grace', 'tablet', 3)
    ]
    line('grace is logged in with', 'laptop, phone and tablet')
    const out = await visits[1]!.browser.logout(cluster.node(2), '/logout-everywhere', 'cluster')
    check(out.receipt.ended === visits.length, `${out.receipt.ended} sessions were ended, not ${visits.length}`)
    line("grace logs out everywhere, on node-2, with confirm: 'cluster'")
    await tellRefusals(cluster.nodes, visits, out)
    tellReceipt(out)
  }
}

/** What node 2, resumed, has to say about a session that was revoked meanwhile. */
const tellFirstAnswers = async (node: ClusterNode, one: Visit, resumedAt: number, certainAt: number): Promise<void> => {
  await refused(node, one)
  const { answers, lastAcceptedAt } = await sighting(node, one)
  check((lastAcceptedAt ?? 0) <= certainAt, `${node.name} accepted a session that was surely revoked`)
  const first = answers.find(({ at }) => at >= resumedAt)
  if (first === undefined) throw new Error(`${node.name} gave no new answer after it was resumed`)
  line(`its own first answer, ${ms(first.at - resumedAt)} after it was resumed`, `refused, ${first.answer}`)
}

/** When the node accepted the session again after `since`. */
const acceptedAgain = (node: ClusterNode, one: Visit, since: number): Promise<number> =>
  until(`${node.name} vouches for live sessions again`, async () => {
    const { answers, lastAcceptedAt } = await sighting(node, one)
    if (lastAcceptedAt === null || lastAcceptedAt < since) return undefined
    return answers.find(({ at, answer }) => at >= since && answer === 'ok')?.at ?? lastAcceptedAt
  })

const pauseNode: Step = {
  title: 'Stop node 2 (SIGSTOP), log out meanwhile, resume it (SIGCONT)',
  play: async (cluster) => {
    const paused = cluster.node(2)
    const others = [cluster.node(1), cluster.node(3)]
    const gone = await visit(cluster, 'edsger', 'laptop', 1)
    const stays = await visit(cluster, 'barbara', 'laptop', 1)
    paused.signal('SIGSTOP')
    line('node-2 is stopped; edsger and barbara are logged in')
    // Waits in the stopped node's socket: the first request that it answers when it runs again.
    let resumed = false
    const waiting = gone.browser.me(paused).then((answer) => {
      check(resumed, 'node-2 was to be stopped and answered')
      return answer
    })
    const out = await gone.browser.logout(cluster.node(1), '/logout', 'cluster')
    line("edsger logs out on node-1, with confirm: 'cluster'")
    await tellRefusals(others, [gone], out)
    tellReceipt(out)
    line('node-2 could not acknowledge; it is behind the log and fenced after', ms(maxStalenessMs))
    for (const node of others) check((await stays.browser.me(node)).ok, `${node.name} refuses a live session`)
    line('barbara goes on meanwhile on node-1 and node-3', '200, hello barbara')
    const resumedAt = machineMs()
    resumed = true
    paused.signal('SIGCONT')
    const first = await waiting
    check(!first.ok, "node-2 accepted edsger's session when it was resumed")
    line('node-2 is resumed; the request of edsger that waited there', `401, ${first.reason}`)
    await tellFirstAnswers(paused, gone, resumedAt, out.resolvedAt)
    const again = await acceptedAgain(paused, stays, resumedAt)
    line('node-2 has caught up and accepts barbara again after', ms(again - resumedAt))
    const { lastAcceptedAt } = await sighting(paused, gone)
    check((lastAcceptedAt ?? 0) < resumedAt, "node-2 accepted edsger's session after all")
  }
}

const killNode: Step = {
  title: 'Kill node 3 (kill -9) and start it again',
  play: async (cluster) => {
    const victim = cluster.node(3)
    const before = await visit(cluster, 'alan', 'laptop', 3)
    const meanwhile = await visit(cluster, 'john', 'laptop', 3)
    const stays = await visit(cluster, 'frances', 'laptop', 3)
    await before.browser.logout(victim, '/logout')
    await victim.kill()
    line('alan logged out on node-3, and it was killed right then')
    const out = await meanwhile.browser.logout(cluster.node(1), '/logout')
    line('john logs out on node-1 while node-3 is dead')
    await tellRefusals([cluster.node(1), cluster.node(2)], [meanwhile], out)
    const startedAt = machineMs()
    await victim.start()
    line('node-3 is started again: it has read the log and listens after', ms(machineMs() - startedAt))
    const live = await stays.browser.me(victim)
    check(live.ok, `node-3 refuses a live session after its restart: ${live.reason}`)
    line('frances, who logged in on the node that was killed', '200, hello frances')
    for (const one of [before, meanwhile]) {
      for (const node of cluster.nodes) {
        const answer = await one.browser.me(node)
        check(!answer.ok, `${node.name} accepts the revoked session of ${one.browser.name}`)
        if (node === victim) line(`${one.browser.name}'s old cookie on node-3`, `401, ${answer.reason}`)
      }
    }
  }
}

const broadcastIs = (cluster: Cluster, connected: boolean): Promise<unknown> => Promise.all(cluster.nodes.map((node) =>
  until(`${node.name} ${connected ? 'reaches' : 'misses'} NATS`, async () => {
    const { broadcast } = await node.ask({ ask: 'health' })
    return broadcast?.connected === connected || undefined
  })))

const loseNats: Step = {
  title: 'NATS gone, and back',
  needsNats: true,
  play: async (cluster) => {
    const gone = await visit(cluster, 'tony', 'laptop', 1)
    const later = await visit(cluster, 'niklaus', 'laptop', 1)
    await cluster.nats!.kill()
    await broadcastIs(cluster, false)
    line('the nats-server was killed, and every node knows')
    const out = await gone.browser.logout(cluster.node(1), '/logout')
    line("tony logs out on node-1: the others hear it by the log's own tail")
    await tellRefusals(cluster.nodes, [gone], out)
    const startedAt = machineMs()
    await cluster.nats!.start()
    await broadcastIs(cluster, true)
    line('the nats-server is back; every node has found it after', ms(machineMs() - startedAt))
    const back = await later.browser.logout(cluster.node(1), '/logout')
    line('niklaus logs out on node-1')
    await tellRefusals(cluster.nodes, [later], back)
  }
}

export const story: readonly Step[] = [logInAndOut, logOutEverywhere, pauseNode, killNode, loseNats]
