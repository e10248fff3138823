import { scheduler } from 'node:timers/promises'
import type { Chance } from '../../bench/harness/chance.ts'
import { settings } from '../simulation/settings.ts'
import { sessionOf, type Op, type Target } from '../simulation/history.ts'
import type { Cluster, Node } from './cluster.ts'
import type { Done, RealTarget } from './protocol.ts'

interface Held {
  readonly name: string
  readonly token: string
}

/** A session that a client is in, and what it holds of it. It uses the last token. */
interface Login {
  readonly session: string
  readonly id: string
  readonly subject: string | null
  readonly tenant: string | null
  readonly tokens: Held[]
  issued: number
  isOut: boolean
}

type Act = 'request' | 'validate' | 'old-request' | 'rotate' | 'rotate-twice' | 'step-up' | 'update' | 'guarded-updates'
const acts: ReadonlyArray<readonly [Act, number]> = [
  ['request', 50], ['validate', 20], ['old-request', 2], ['rotate', 8], ['rotate-twice', 3], ['step-up', 3], ['update', 9],
  ['guarded-updates', 5]
]
const subjects = 24
const tenants = [null, null, 'north', 'south'] as const
/** In the end this many sessions are shown to every node, the latest. */
const lastOnes = 300
/** An ended session is asked for again for so long, to see that nobody lets it in. */
const askedForMs = settings.maxStaleness * 2

/** People who log in, use whatever node answers, and log out: each in a loop of its own. */
export class Clients {
  readonly ids = new Map<string, string>()
  readonly #cluster: Cluster
  readonly #chance: Chance
  readonly #season: string
  /** The last token of each session that there ever was. */
  readonly #last = new Map<string, Held>()
  readonly #logins = new Map<string, Login>()
  #sessions = 0
  #keys = 0
  #isOver = false

  /** `season`: sets the names of its sessions and subjects apart from those of others. */
  constructor(cluster: Cluster, chance: Chance, season = '') {
    this.#cluster = cluster
    this.#chance = chance
    this.#season = season
  }

  /** Until `stop`; resolves when everybody has had their last answer. */
  async run(count: number): Promise<void> {
    await Promise.all([...Array.from({ length: count }, () => this.#client()), this.#administrator()])
  }

  stop(): void {
    this.#isOver = true
  }

  #node(): Node | undefined {
    const serving = this.#cluster.serving()
    return serving[this.#chance.below(Math.max(1, serving.length))]
  }

  /** What people hold is shown to every node, which may ask its log, and does not count as activity. */
  async lookAtLast(): Promise<void> {
    for (const node of this.#cluster.serving()) {
      await Promise.all([...this.#last.values()].slice(-lastOnes).map(({ name, token }) =>
        this.#cluster.ask(node, { op: 'authenticate', token: name, touch: false }, { op: 'authenticate', token, touch: false })))
    }
  }

  async #client(): Promise<void> {
    while (!this.#isOver) {
      await scheduler.wait(this.#chance.below(100))
      const login = await this.#login()
      if (login === undefined) continue
      for (let i = 3 + this.#chance.below(12); i > 0 && !login.isOut && !this.#isOver; i--) {
        await scheduler.wait(this.#chance.below(300))
        await this.#act(login)
      }
      if (this.#chance.below(10) > 0 && !this.#isOver) await this.#logout(login)
      this.#forget(login)
    }
  }

  /** Ends sessions by the name of whoever they belong to. */
  async #administrator(): Promise<void> {
    for (let i = 1; !this.#isOver; i++) {
      await scheduler.wait(500 + this.#chance.below(1_000))
      const logins = [...this.#logins.values()]
      const login = logins[this.#chance.below(Math.max(1, logins.length))]
      if (login === undefined) continue
      const { session, subject, tenant } = login
      const except = this.#chance.below(2) === 0 ? [session] : []
      if (i % 25 === 0) await this.#revoke({ all: true })
      else if (i % 8 === 0 && tenant !== null) await this.#revoke({ tenant })
      else if (subject !== null) await this.#revoke({ subject, except })
    }
  }

  async #login(): Promise<Login | undefined> {
    const which = this.#chance.below(subjects)
    const subject = which === 0 ? null : `${this.#season}user-${which}`
    const tenant = tenants[this.#chance.below(tenants.length)]!
    const before = this.#chance.below(6) === 0 ? [...this.#logins.values()].at(-1)?.tokens.at(-1) : undefined
    const node = this.#node()
    if (node === undefined) return undefined
    const session = `${this.#season}s${++this.#sessions}`
    const done = await this.#cluster.ask(
      node, { op: 'create', session, subject, tenant, continues: before?.name ?? null },
      { op: 'create', subject, tenant, continues: before?.token ?? null })
    if (done === undefined || done.issued === null) return undefined
    const { id, token } = done.issued
    const held = { name: `${session}.1`, token }
    const login: Login = { session, id, subject, tenant, tokens: [held], issued: 1, isOut: false }
    this.ids.set(session, id)
    this.#logins.set(session, login)
    this.#hold(login, held)
    return login
  }

  async #act(login: Login): Promise<void> {
    const node = this.#node()
    const other = this.#node()
    if (node === undefined || other === undefined) return
    switch (this.#pick()) {
      case 'request': return this.#request(login, login.tokens.at(-1)!, node)
      case 'old-request': return this.#request(login, login.tokens[this.#chance.below(login.tokens.length)]!, node)
      case 'validate': {
        const { name, token } = login.tokens.at(-1)!
        return this.#heed(login, name, await this.#cluster.validate(node, name, token, true))
      }
      case 'rotate': return this.#exchange(login, node, 'rotate')
      case 'rotate-twice':
        await Promise.all([this.#exchange(login, node, 'rotate'), this.#exchange(login, other, 'rotate')])
        return
      case 'step-up': return this.#exchange(login, node, 'reauthenticate')
      case 'update': {
        await this.#update(login, node, null)
        return
      }
      case 'guarded-updates': {
        const version = await this.#update(login, node, null)
        if (version !== undefined) {
          await Promise.all([this.#update(login, node, version), this.#update(login, other, version)])
        }
      }
    }
  }

  #pick(): Act {
    let rest = this.#chance.below(acts.reduce((sum, [, weight]) => sum + weight, 0))
    return acts.find(([, weight]) => (rest -= weight) < 0)![0]
  }

  async #request(login: Login, { name, token }: Held, node: Node): Promise<void> {
    const touch = this.#chance.below(5) > 0
    const done = await this.#cluster.ask(
      node, { op: 'authenticate', token: name, touch }, { op: 'authenticate', token, touch })
    this.#heed(login, name, done)
    if (done?.renew === true && login.tokens.at(-1)!.name === name) await this.#exchange(login, node, 'rotate')
  }

  /** What a client makes of a verdict on the token that it uses. */
  #heed(login: Login, name: string, done: Done | undefined): void {
    if (done === undefined || done.answer.ok || done.answer.reason === 'stale') return
    if (login.tokens.at(-1)!.name === name) login.isOut = true
  }

  async #exchange(login: Login, node: Node, op: 'rotate' | 'reauthenticate'): Promise<void> {
    const { name, token } = login.tokens.at(-1)!
    const next = `${login.session}.${++login.issued}`
    const done = await this.#cluster.ask(node, { op, token: name, next }, { op, token })
    // Now and then an answer does not reach its client, which goes on with what it has.
    if (done === undefined || done.issued === null || this.#chance.below(6) === 0) return
    const held = { name: next, token: done.issued.token }
    login.tokens.push(held)
    this.#hold(login, held)
  }

  #hold({ session, id }: Login, held: Held): void {
    this.#last.set(session, held)
    this.#cluster.hold({ session, id, ...held })
  }

  async #update({ id, session }: Login, node: Node, ifVersion: number | null): Promise<number | undefined> {
    const key = `k${++this.#keys}`
    const done = await this.#cluster.ask(
      node, { op: 'update', session, key, ifVersion }, { op: 'update', id, key, ifVersion })
    return done?.answer.ok === true ? done.answer.version : undefined
  }

  async #logout(login: Login): Promise<void> {
    const { session, tokens } = login
    const target: Target = this.#chance.below(2) === 0 ? { token: tokens.at(-1)!.name } : { session }
    await this.#revoke(target)
  }

  async #revoke(target: Target): Promise<void> {
    const op: Op = { op: 'revoke', target, cluster: this.#chance.below(4) === 0 }
    const node = this.#node()
    if (node === undefined) return
    await this.#cluster.ask(node, op, { op: 'revoke', target: this.#real(target), cluster: op.cluster })
  }

  #real(target: Target): RealTarget {
    if ('token' in target) {
      const { tokens } = this.#logins.get(sessionOf(target.token))!
      return { token: tokens.find(({ name }) => name === target.token)!.token }
    }
    if ('session' in target) return { id: this.ids.get(target.session)! }
    return 'subject' in target
      ? { subject: target.subject, except: target.except.map((session) => this.ids.get(session)!) }
      : target
  }

  /** Ends every session that there is. */
  async endAll(): Promise<void> {
    await this.#revoke({ all: true })
    for (const session of this.#last.keys()) this.#cluster.letGo(session)
  }

  #forget({ session }: Login): void {
    this.#logins.delete(session)
    setTimeout(() => this.#cluster.letGo(session), askedForMs).unref()
  }
}
