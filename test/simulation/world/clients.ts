import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import type { SessionId } from '../../../core/domain/ids.ts'
import type { Verdict } from '../../../core/domain/verdict.ts'
import type { Issued } from '../../../core/store/create.ts'
import type { Target as RevokeTarget } from '../../../core/store/revoke-options.ts'
import type { SessionsShape } from '../../../core/store/sessions.ts'
import { type Answer, type Op, sessionOf, type Target } from '../history.ts'
import { settings } from '../settings.ts'
import type { ClientAct, Step } from '../steps.ts'
import type { Cluster, Node, Note } from './cluster.ts'
import type { Coverage } from './coverage.ts'
import type { Process } from './process.ts'
import type { Timeline } from './timeline.ts'

/** A token that a client was given. */
interface Held {
  readonly name: string
  readonly token: string
}

/** What a client knows of a session that it has logged in to. It keeps using what it holds. */
interface Client {
  readonly session: string
  readonly id: SessionId
  readonly subject: string | null
  readonly tenant: string | null
  /** In the order in which they reached it: it uses the last. */
  readonly tokens: Held[]
  issued: number
  /** It was told that its session is over. It may go on trying. */
  isOut: boolean
  /** It does nothing but what it has planned. */
  isQuiet: boolean
  /** Since when some process has refused it. */
  goneSince: number
  /** When it was let in last. */
  seenAt: number
}

const subjects = ['anna', 'ben', 'cem', 'dora', 'emil', 'finn', 'gina', 'hugo', null] as const
const tenants = [null, 'north', 'south'] as const
/** Clients that most acts choose among: the latest ones. */
const recent = 16
/** Refused for so long, a session is not asked for any more but in the end. */
const gonePastMs = 10_000
/** So many come back again and again. */
const pollers = 5
/** Right behind the bound of staleness, by the slowest clock. */
const pastStaleness = settings.maxStaleness * 1.001 + 1

type Act = Exclude<Step, { readonly forMs: number }>

/** All clients of the service: they log in, send requests to any node, and write down what they are answered. */
export class Clients {
  readonly all: Client[] = []
  readonly #cluster: Cluster
  readonly #timeline: Timeline
  readonly #coverage: Coverage
  readonly #note: Note
  #calls = 0
  #sessions = 0
  #keys = 0

  constructor(cluster: Cluster, timeline: Timeline, coverage: Coverage, note: Note) {
    this.#cluster = cluster
    this.#timeline = timeline
    this.#coverage = coverage
    this.#note = note
  }

  act(step: Act): void {
    const serving = this.#cluster.serving()
    const node = serving[step.b % Math.max(1, serving.length)]
    const other = serving[(step.b + 1) % Math.max(1, serving.length)]
    if (node === undefined || other === undefined) return
    if (step.does === 'login') return this.#login(step, node)
    const client = this.#pick(step.a)
    if (client !== undefined) this.#acts(step, client, node, other)[step.does]()
  }

  #acts(
    step: Act, client: Client, node: Node, other: Node
  ): Readonly<Record<Exclude<ClientAct, 'login'>, () => void>> {
    const { b, c } = step
    const isConfirmed = c % 3 === 0
    const isLost = c % 4 === 0
    return {
      request: () => this.#request(client.tokens.at(-1)!, node, c),
      'old-request': () => this.#request(client.tokens[c % client.tokens.length]!, node, c),
      rotate: () => this.#exchange(client, node.process!, 'rotate', isLost),
      'rotate-twice': () => {
        this.#exchange(client, node.process!, 'rotate', isLost)
        this.#exchange(client, other.process!, 'rotate', c % 4 === 1)
      },
      'step-up': () => this.#exchange(client, node.process!, 'reauthenticate', isLost),
      update: () => this.#update(client, node, null),
      'guarded-updates': () => {
        const version = node.process!.store!.get(client.id)?.version ?? 1
        this.#update(client, node, version)
        this.#update(client, other, version)
      },
      logout: () => this.#revoke(node, { token: client.tokens.at(-1)!.name }, isConfirmed),
      'revoke-id': () => this.#revoke(node, { session: client.session }, isConfirmed),
      'revoke-subject': () => {
        if (client.subject === null) return
        this.#revoke(node, { subject: client.subject, except: c % 2 === 0 ? [client.session] : [] }, isConfirmed)
      },
      'revoke-tenant': () => {
        if (client.tenant !== null) this.#revoke(node, { tenant: client.tenant }, isConfirmed)
      },
      'revoke-all': () => this.#revoke(node, { all: true }, isConfirmed),
      'revoke-and-die': () => this.#revokeAndDie(client, node, c),
      'two-nodes': () => {
        this.#request(client.tokens.at(-1)!, node, c)
        this.#later(c % 3_000, other, (process) => this.#authenticate(process, client.tokens.at(-1)!, true))
      },
      relogin: () => {
        if (client.subject === null) return
        this.#revoke(node, { subject: client.subject, except: [] }, false)
        this.#later(c % 2_000, other, () => this.#create(other, client.subject, client.tenant, undefined))
      },
      'quick-logout': () => this.#quickLogout(client, node, step),
      'last-moment': () => this.#lastMoment(node, other, step),
      watch: () => this.#watch(client, node),
      burst: () => {
        const serving = this.#cluster.serving()
        for (let i = 0; i < 12; i++) {
          this.#request(this.#pick(step.a + i)!.tokens.at(-1)!, serving[(b + i) % serving.length]!, c + i)
        }
      }
    }
  }

  /** After a while, if the node answers then. */
  #later(ms: number, node: Node, act: (process: Process) => void): void {
    this.#timeline.after(ms, null, () => {
      const { process } = node
      if (process?.store !== undefined && process.lane.state === 'running') act(process)
    })
  }

  /** The revocation reaches the other nodes, and not the log. */
  #revokeAndDie(client: Client, node: Node, c: number): void {
    node.weather.append = 'fails'
    this.#cluster.trouble(node, 'append', 1_000, () => { node.weather.append = 'none' })
    this.#revoke(node, { session: client.session }, false)
    this.#timeline.after(c % 60, null, () => {
      if (node.process === undefined) return
      this.#coverage.count('fault', 'writer-dies')
      this.#cluster.crash(node)
      this.#timeline.after(500 + c % 3_000, null, () => this.#cluster.start(node))
    })
  }

  /** A login and its logout before everybody knows of it. */
  #quickLogout(client: Client, node: Node, { a, c }: Act): void {
    const session = this.#create(node, client.subject, client.tenant, undefined)
    this.#later([a % 6, a % 500, a % 3_500][c % 3]!, node, () => {
      if (this.all.some((one) => one.session === session)) this.#revoke(node, { session }, c % 4 > 0)
    })
  }

  /** Everything that any client holds, asked of every process that answers, and not counted as activity. */
  audit(which: (client: Client) => boolean): void {
    for (const { process } of this.#cluster.serving()) {
      for (const one of this.#ofInterest()) if (which(one)) this.#validate(process!, one.tokens.at(-1)!, false)
    }
  }

  /** Everybody shows that he is still there, somewhere. */
  keepAlive(): void {
    const serving = this.#cluster.serving()
    if (serving.length === 0) return
    this.all.forEach(({ tokens }, i) => this.#authenticate(serving[i % serving.length]!.process!, tokens.at(-1)!, true))
  }

  /** The same, but each process asks its log first. */
  auditAtLast(): void {
    for (const { process } of this.#cluster.serving()) {
      for (const { tokens } of this.all) this.#authenticate(process!, tokens.at(-1)!, false)
    }
  }

  /** Some of those who have been there longest come back again and again: how sessions grow old. */
  poll(): void {
    const serving = this.#cluster.serving()
    if (serving.length === 0) return
    for (const client of this.all.filter(({ isOut, isQuiet }) => !isOut && !isQuiet).slice(0, pollers)) {
      this.#authenticate(serving[this.#calls % serving.length]!.process!, client.tokens.at(-1)!, true)
    }
  }

  /** Whatever anybody holds, asked of one process. */
  auditOne(which: number): void {
    const serving = this.#cluster.serving()
    const process = serving[which % Math.max(1, serving.length)]?.process
    if (process !== undefined) for (const { tokens } of this.#ofInterest()) this.#validate(process, tokens.at(-1)!, false)
  }

  /** Those that may yet be let in, rightly or wrongly. */
  #ofInterest(): readonly Client[] {
    return this.all.filter(({ goneSince }) => this.#timeline.now - goneSince < gonePastMs)
  }

  /** What lay in a process's sockets while it stood still: it is answered first of all. */
  wake({ process }: Node): void {
    if (process?.store === undefined) return
    for (const { tokens } of this.#ofInterest()) this.#validate(process, tokens.at(-1)!, false)
  }

  /** Mostly one of the latest that believe to be logged in. */
  #pick(a: number): Client | undefined {
    const inside = a % 8 === 0 ? this.all : this.all.filter(({ isOut, isQuiet }) => !isOut && !isQuiet)
    const among = inside.length === 0 ? this.all : a % 5 === 0 ? inside : inside.slice(-recent)
    return among[a % among.length]
  }

  /** Asks a process for something that it answers in its time. Nothing is answered by one that dies. */
  #ask<A>(
    process: Process, op: Op, call: (store: SessionsShape) => Effect.Effect<A, { readonly _tag: string }>,
    read: (value: A) => Answer, then: (value: A) => void = () => {}, whatever: () => void = () => {}
  ): void {
    const number = ++this.#calls
    this.#note({ what: 'asks', call: number, process: process.name, op })
    this.#coverage.count('call', op.op)
    process.run(Effect.suspend(() => call(process.store!)), (exit) => {
      const answer: Answer = Exit.isSuccess(exit) ? read(exit.value) : { ok: false, reason: reasonOf(exit.cause) }
      this.#coverage.count('answer', `${op.op}: ${answer.ok ? 'ok' : answer.reason}`)
      this.#note({ what: 'answers', call: number, answer })
      if (Exit.isSuccess(exit)) then(exit.value)
      if (process.store !== undefined) whatever()
    })
  }

  /**
   * Comes back right before its time is over, and soon after that elsewhere: where the news of it is late, because the
   * one node cannot write it or the other reads slowly.
   */
  #lastMoment(first: Node, second: Node, { a, c }: Act): void {
    const waiting = this.all.filter(({ isOut, isQuiet }) => !isOut && !isQuiet)
    if (waiting.length === 0) return
    const client = waiting.reduce((one, next) => next.seenAt < one.seenAt ? next : one)
    client.isQuiet = true
    const at = (ms: number, node: Node, act: (process: Process) => void): void =>
      this.#later(client.seenAt + settings.limits.idle + ms - this.#timeline.now, node, act)
    const ask = (process: Process): void => this.#authenticate(process, client.tokens.at(-1)!, true)
    for (const ms of [300, 3_000, 6_000]) {
      at(6_000 + settings.limits.idle + ms, second, () => this.audit((one) => one === client))
    }
    at(250 + a % 600, second, ask)
    at(6_000, second, ask)
    at(-1 - c % 400, first, (process) => {
      ask(process)
      const [node, kind] = c % 2 === 0 ? [first, 'append'] as const : [second, 'slow'] as const
      if (kind === 'append') node.weather.append = 'fails'
      else node.weather.logDelayMs = 450
      this.#cluster.trouble(node, kind, 2_000, () => {
        if (kind === 'append') node.weather.append = 'none'
        else node.weather.logDelayMs = 0
      })
    })
  }

  #login({ a, b, c }: Act, node: Node): void {
    const from = c % 5 === 0 ? this.#pick(c)?.tokens.at(-1) : undefined
    this.#create(node, subjects[a % subjects.length]!, tenants[b % tenants.length]!, from)
  }

  #create(node: Node, subject: string | null, tenant: string | null, from: Held | undefined): string {
    const session = `s${++this.#sessions}`
    this.#ask<Issued>(
      node.process!, { op: 'create', session, subject, tenant, continues: from?.name ?? null },
      (store) => store.create({
        subject, ...(tenant === null ? {} : { tenant }), ...(from === undefined ? {} : { continues: from.token })
      }),
      () => ({ ok: true }),
      (issued) => this.all.push({
        session, id: issued.session.id, subject, tenant, tokens: [{ name: `${session}.1`, token: issued.token }],
        issued: 1, isOut: false, isQuiet: false, goneSince: Infinity, seenAt: this.#timeline.now
      }))
    return session
  }

  #request(held: Held, node: Node, c: number): void {
    const touch = c % 5 !== 0
    if (c % 3 === 0) this.#validate(node.process!, held, touch)
    else this.#authenticate(node.process!, held, touch)
  }

  #validate(process: Process, { name, token }: Held, touch: boolean): void {
    const verdict = verdictOf(process.store!.validate(token, { touch }))
    this.#coverage.count('verdict', verdict)
    this.#note({ what: 'validates', process: process.name, token: name, touch, verdict })
    this.#heed(name, verdict, touch)
  }

  #authenticate(process: Process, { name, token }: Held, touch: boolean): void {
    this.#ask<Verdict>(
      process, { op: 'authenticate', token: name, touch }, (store) => store.authenticate(token, { touch }),
      (verdict) => verdict.ok ? { ok: true, version: verdict.session.version } : { ok: false, reason: verdict.reason },
      (verdict) => {
        this.#heed(name, verdictOf(verdict), touch)
        if (!touch) return
        const client = this.all.find(({ session }) => session === sessionOf(name))!
        const isNewest = client.tokens.at(-1)!.name === name
        if (verdict.ok && verdict.renew && isNewest) this.#exchange(client, process, 'rotate', false)
      })
  }

  /** What a client makes of the answer to a request with the token that it uses. */
  #heed(token: string, verdict: string, touch: boolean): void {
    const client = this.all.find(({ session }) => session === sessionOf(token))
    if (client === undefined) return
    if (verdict !== 'ok' && verdict !== 'stale') client.goneSince = Math.min(client.goneSince, this.#timeline.now)
    if (!touch) return
    if (verdict === 'ok') client.seenAt = this.#timeline.now
    else if (client.tokens.at(-1)!.name === token && verdict !== 'stale') client.isOut = true
  }

  /** `isLost`: the answer does not reach the client, which goes on with what it has. */
  #exchange(client: Client, process: Process, op: 'rotate' | 'reauthenticate', isLost: boolean): void {
    const held = client.tokens.at(-1)!
    const next = `${client.session}.${++client.issued}`
    this.#ask<Issued>(
      process, { op, token: held.name, next },
      (store) => op === 'rotate'
        ? store.rotate(held.token)
        : store.reauthenticate(held.token, { level: 'aal2', methods: ['otp'] }),
      () => ({ ok: true }),
      ({ token }) => { if (!isLost) client.tokens.push({ name: next, token }) })
  }

  #update(client: Client, node: Node, ifVersion: number | null): void {
    const key = `k${++this.#keys}`
    this.#ask(
      node.process!, { op: 'update', session: client.session, key, ifVersion },
      (store) => store.update({ id: client.id }, { [key]: 1 }, ifVersion === null ? {} : { ifVersion }),
      ({ version }) => ({ ok: true, version }))
  }

  #revoke(node: Node, target: Target, cluster: boolean): void {
    const concerns = this.#concerned(target)
    this.#ask(
      node.process!, { op: 'revoke', target, cluster },
      (store) => store.revoke(this.#real(target), cluster ? { confirm: 'cluster' } : {}),
      ({ ended }) => ({ ok: true, ended }),
      () => {
        if (cluster) this.audit(concerns)
        for (const ms of [1, 2, pastStaleness / 4, pastStaleness, pastStaleness * 2]) {
          this.#timeline.after(ms, null, () => this.audit(concerns))
        }
      },
      () => { for (const one of this.all) if (concerns(one)) this.#validate(node.process!, one.tokens.at(-1)!, false) })
  }

  #concerned(target: Target): (client: Client) => boolean {
    if ('token' in target) return ({ session }) => session === sessionOf(target.token)
    if ('session' in target) return ({ session }) => session === target.session
    if ('subject' in target) return ({ subject }) => subject === target.subject
    return 'tenant' in target ? ({ tenant }) => tenant === target.tenant : () => true
  }

  /** The target by the names that the store knows. */
  #real(target: Target): RevokeTarget {
    const client = (name: string) => this.all.find(({ session }) => session === name)!
    if ('token' in target) {
      return { token: client(sessionOf(target.token)).tokens.find(({ name }) => name === target.token)!.token }
    }
    if ('session' in target) return { id: client(target.session).id }
    return 'subject' in target
      ? { subject: target.subject, except: target.except.map((session) => client(session).id) }
      : target
  }

  #watch(client: Client, node: Node): void {
    const process = node.process!
    const signal = process.store!.signal(client.id)
    const aborted = (): void => {
      const { reason } = signal.reason as { readonly reason: string }
      if (process.lane.state === 'dead') return
      this.#coverage.count('answer', `signal: ${reason}`)
      this.#note({ what: 'aborts', process: process.name, session: client.session, reason })
    }
    this.#ask(process, { op: 'signal', session: client.session }, () => Effect.void, () => ({ ok: true }))
    if (signal.aborted) aborted()
    else signal.addEventListener('abort', aborted, { once: true })
  }
}

const verdictOf = (verdict: Verdict) => verdict.ok ? 'ok' : verdict.reason

const reasonOf = (cause: Cause.Cause<{ readonly _tag: string }>): string => {
  const error = Cause.squash(cause)
  if (Cause.hasInterruptsOnly(cause)) return 'interrupted'
  if (typeof error !== 'object' || error === null || !('_tag' in error)) return `died: ${String(error)}`
  return 'inForce' in error && error.inForce === true ? `${String(error._tag)}, in force` : String(error._tag)
}
