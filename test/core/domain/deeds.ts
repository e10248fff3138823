import * as fc from 'fast-check'
import type { DomainEvent, EndReason } from '../../../core/domain/events.ts'
import type { SessionId } from '../../../core/domain/ids.ts'
import { schemaVersion } from '../../../core/domain/events.ts'
import { Cluster } from './cluster.ts'
import { PlainLog } from './model.ts'
import { aal1, aal2At, digest, type Domain, domain, grace, hour, minute, sessionId } from './story.ts'

/** The plain model has no part of its own in what is done: it hears the log, as everybody does. */
export interface Model {
  readonly log: PlainLog
  heard: number
}
/** What is looked at after each deed. */
export type Watch = (cluster: Cluster, model: Model) => void

const look = (cluster: Cluster, model: Model, watch: Watch): void => {
  for (; model.heard < cluster.log.length; model.heard++) model.log.hear(cluster.log[model.heard]!)
  watch(cluster, model)
}

/** One thing that happens in a cluster. */
class Deed implements fc.Command<Model, Cluster> {
  readonly #says: string
  readonly #does: (cluster: Cluster) => void
  readonly #watch: Watch

  constructor(says: string, does: (cluster: Cluster) => void, watch: Watch) {
    this.#says = says
    this.#does = does
    this.#watch = watch
  }

  check(): boolean {
    return true
  }

  run(model: Model, cluster: Cluster): void {
    this.#does(cluster)
    look(cluster, model, this.#watch)
  }

  toString(): string {
    return this.#says
  }
}

const shortLimits = { idle: 10 * minute, absolute: hour, renew: null }
const seldom = fc.nat({ max: 4 }).map((n) => n === 0)
const node = fc.nat({ max: 2 })
/** Whether the append lands later than others that are decided after it. */
const delay = seldom
const which = fc.nat({ max: 3 })
/** Mostly a few ms, sometimes around what limits and graces turn on. */
const span = fc.oneof(
  { weight: 4, arbitrary: fc.nat({ max: 10 }) },
  fc.constantFrom(grace - 1, grace, grace + 1, shortLimits.idle - 1, shortLimits.idle, shortLimits.absolute - 1,
    shortLimits.absolute),
  fc.nat({ max: shortLimits.idle })
)
/** So long that two of them are too many for a session. */
const long = 'x'.repeat(2_500)
const patch = fc.dictionary(
  fc.constantFrom('a', 'b', 'c'),
  fc.oneof(fc.nat({ max: 3 }), fc.constant(null), fc.constant(long),
    fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom(1, null))),
  { maxKeys: 2 })
/** Whether it may find no room. */
export const isLong = (event: DomainEvent): boolean =>
  event.type === 'AttributesChanged' && Object.values(event.patch).includes(long)
const reason = fc.constantFrom<EndReason>('logout', 'revoked', 'idle', 'idle', 'absolute', 'absolute', 'token-reuse')
const subject = fc.constantFrom('ada', 'bob', null)
const tenant = fc.constantFrom('shop', null)

const pick = (cluster: Cluster, n: number): SessionId => cluster.ids[n % (cluster.ids.length || 1)] ?? sessionId(0)
/** Tokens are named by session and number, so that a deed can name one that is yet to be given out. */
const tokenOf = (id: SessionId, n: number) => digest(`${id.slice(-4)}t${n}`)
const given = new WeakMap<Cluster, Map<SessionId, number>>()
const mint = (cluster: Cluster, id: SessionId) => {
  const counts = given.get(cluster) ?? new Map<SessionId, number>()
  given.set(cluster, counts)
  const n = counts.get(id) ?? 0
  counts.set(id, n + 1)
  return tokenOf(id, n)
}
/** Counted from the latest, which is the one that is most often presented. */
const tokenBack = (cluster: Cluster, id: SessionId, back: number) =>
  tokenOf(id, Math.max(0, (given.get(cluster)?.get(id) ?? 1) - 1 - back))

type Does = (cluster: Cluster) => void
type Told = readonly [says: string, does: Does]
const told = <T>(kind: string, fields: fc.Arbitrary<T>,
  does: (fields: T, cluster: Cluster) => void): fc.Arbitrary<Told> =>
  fields.map((values) => [`${kind} ${JSON.stringify(values)}`, (cluster: Cluster) => does(values, cluster)] as const)
/** What a node does, as a rule after it has caught up. */
const done = <T>(kind: string, fields: { [K in keyof T]: fc.Arbitrary<T[K]> },
  does: (fields: T & { readonly node: number }, cluster: Cluster) => void) =>
  told(kind, fc.tuple(fc.record(fields), node, seldom), ([values, by, isOld], cluster) => {
    if (!isOld) cluster.catchUp(by, Infinity)
    does({ ...values, node: by }, cluster)
  })

const begin = done('begin', { subject, tenant, which, continues: fc.boolean(), attributes: patch, delay },
  (deed, cluster) => {
  const continued = deed.continues ? pick(cluster, deed.which) : sessionId(0)
  const id = sessionId(cluster.ids.length + 1)
  cluster.ids.push(id)
  cluster.begin(deed.node, continued, {
    type: 'Start', session: id, subject: deed.subject, tenant: deed.tenant, digest: mint(cluster, id),
    limits: shortLimits,
    authentication: { ...aal1, at: cluster.timeOf(deed.node) }, device: null, attributes: deed.attributes,
    cap: { max: 3, onTooMany: 'end-oldest' }
  }, deed.delay)
})
const exchange = done('exchange', { which, stepUp: fc.boolean(), graceMs: fc.constantFrom(0, grace, grace), delay },
  (deed, cluster) => {
  const id = pick(cluster, deed.which)
  const common = { digest: mint(cluster, id), graceMs: deed.graceMs }
  cluster.decide(deed.node, id, deed.stepUp
    ? { type: 'Reauthenticate', ...common, authentication: aal2At(cluster.timeOf(deed.node)) }
    : { type: 'Rotate', ...common }, deed.delay)
})
const present = done('present', { which, back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat({ max: 3 })),
  delay }, (deed, cluster) => {
  const id = pick(cluster, deed.which)
  cluster.decide(deed.node, id, { type: 'Confirm', digest: tokenBack(cluster, id, deed.back) }, deed.delay)
})
const change = done('change', { which, patch, guarded: fc.boolean(), delay }, (deed, cluster) => {
  const id = pick(cluster, deed.which)
  const state = cluster.nodes[deed.node]!.view.state(id)
  const ifVersion = deed.guarded && state.status === 'live' ? state.version : null
  cluster.decide(deed.node, id, { type: 'Change', patch: deed.patch, ifVersion }, deed.delay)
})
const end = done('end', { which, reason, delay }, (deed, cluster) => {
  cluster.decide(deed.node, pick(cluster, deed.which), { type: 'End', reason: deed.reason, actor: null }, deed.delay)
})
/** `ahead`: the clock of the node was, and is right again. */
const see = done('see', { which: fc.array(which, { maxLength: 3 }), ago: span, ahead: seldom, delay },
  (deed, cluster) => {
  const at = Math.max(0, cluster.timeOf(deed.node) + (deed.ahead ? deed.ago : -deed.ago))
  const { view } = cluster.nodes[deed.node]!
  const seen = deed.which.map((n) => pick(cluster, n)).filter((id) => view.state(id).status === 'live')
  cluster.say(deed.node, (as) => ({
    v: schemaVersion, type: 'ActivityRecorded', ...as, seen: seen.map((id) => [id, at] as const)
  }), deed.delay)
})
const revoke = done('revoke', { wide: fc.constantFrom('subject', 'tenant', 'all'), before: fc.option(span),
  except: fc.option(which), delay
}, (deed, cluster) => {
  cluster.say(deed.node, (as): DomainEvent => {
    const common = { v: schemaVersion, ...as, before: deed.before === null ? null : Math.max(0, as.at - deed.before),
      reason: 'revoked' } as const
    if (deed.wide === 'all') return { type: 'AllRevoked', ...common }
    if (deed.wide === 'tenant') return { type: 'TenantRevoked', ...common, tenant: 'shop' }
    return { type: 'SubjectRevoked', ...common, subject: 'ada',
      except: deed.except === null ? [] : [pick(cluster, deed.except)] }
  }, deed.delay)
})
const pass = told('pass', fc.record({ ms: span }), ({ ms }, cluster) => { cluster.now += ms })
const jump = told('jump', fc.record({ node, ms: span, back: fc.boolean() }), ({ node: which_, ms, back }, cluster) => {
  cluster.nodes[which_]!.skew += back ? -ms : ms
})
const catchUp = told('catch up', fc.record({ node, records: fc.constantFrom(1, 2, 1_000, 1_000) }), (deed, cluster) =>
  cluster.catchUp(deed.node, deed.records))
const land = told('land', fc.record({ which }), (deed, cluster) => cluster.land(deed.which))
const again = told('again', fc.record({ which: fc.nat({ max: 30 }) }), (deed, cluster) => cluster.again(deed.which))

const deed: fc.Arbitrary<Told> = fc.oneof(
  { weight: 3, arbitrary: begin }, { weight: 8, arbitrary: exchange }, { weight: 8, arbitrary: present },
  { weight: 4, arbitrary: change },
  { weight: 1, arbitrary: end }, { weight: 2, arbitrary: see }, { weight: 1, arbitrary: revoke },
  { weight: 3, arbitrary: pass },
  { weight: 1, arbitrary: jump }, { weight: 2, arbitrary: catchUp }, { weight: 3, arbitrary: land },
  { weight: 2, arbitrary: again }
)

const deedsMax = 80
const commandsOf = (watch: Watch) =>
  fc.commands([deed.map(([says, does]) => new Deed(says, does, watch))], { maxCommands: deedsMax, size: 'max' })

/** The first deed of every history. */
const login: Does = (cluster) => {
  const id = sessionId(1)
  cluster.ids.push(id)
  cluster.begin(0, sessionId(0), {
    type: 'Start', session: id, subject: 'ada', tenant: 'shop', digest: mint(cluster, id), limits: shortLimits,
    authentication: aal1, device: null, attributes: {}, cap: { max: 3, onTooMany: 'end-oldest' }
  }, false)
}

const run = (domain: Domain, commands: Iterable<fc.Command<Model, Cluster>>, watch: Watch): Cluster => {
  const cluster = new Cluster(domain)
  const model: Model = { log: new PlainLog(), heard: 0 }
  login(cluster)
  look(cluster, model, watch)
  fc.modelRun(() => ({ model, real: cluster }), commands)
  return cluster
}

/** Any history of a cluster, as a property: `watch` looks at it after each deed, and throws at what must not be. */
export const histories = (domain: Domain, watch: () => Watch) => {
  // One watch a history: it may remember what it saw.
  let current: Watch = () => undefined
  return fc.property(commandsOf((cluster, model) => current(cluster, model)), (commands) => {
    current = watch()
    run(domain, commands, current)
  })
}

/** Any log that a cluster may write whose nodes keep to the rules. */
export const logs: fc.Arbitrary<readonly DomainEvent[]> =
  commandsOf(() => undefined).map((commands) => run(domain, commands, () => undefined).log)
