import { scheduler } from 'node:timers/promises'
import type { Sessions } from '../../consumers/facade.ts'

/** What clients saw that they should not have. */
export interface Complaints {
  readonly refused: string[]
  readonly revived: string[]
  readonly lost: string[]
  readonly failed: string[]
}

interface Mine {
  token: string
  readonly id: string
  readonly subject: string
  /** What the last change that was answered left behind. */
  n: number
}

/** Between two requests of a client: a log that is written as fast as this machine can is never caught up with. */
const thinkMs = 3

const none = (): Complaints => ({ refused: [], revived: [], lost: [], failed: [] })

/** Clients that log in, rotate, change, revoke and validate, each on any node, until they are told to stop. */
export class Load {
  readonly complaints = none()
  readonly #nodes: readonly Sessions[]
  readonly #maxStalenessMs: number
  readonly #clients: Promise<void>[] = []
  readonly #ended: { readonly token: string; readonly at: number }[] = []
  readonly #kept: Mine[] = []
  #stopped = false
  /** Calls that were answered. */
  done = 0

  constructor(nodes: readonly Sessions[], clients: number, maxStalenessMs: number) {
    this.#nodes = nodes
    this.#maxStalenessMs = maxStalenessMs
    for (let i = 0; i < clients; i++) this.#clients.push(this.#client(i))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#clients)
  }

  /** What has ended stays so on every node, and what was written is there, once all have caught up. */
  async settle(): Promise<void> {
    for (const [i, node] of this.#nodes.entries()) {
      for (const { token } of this.#ended) {
        if ((await node.authenticate(token, { touch: false })).ok) this.complaints.revived.push(`for good, on node ${i}`)
      }
      for (const mine of this.#kept) await this.#check(mine, i)
    }
  }

  get ended(): number {
    return this.#ended.length
  }

  get kept(): number {
    return this.#kept.length
  }

  async #check(mine: Mine, i: number): Promise<void> {
    const verdict = await this.#nodes[i]!.authenticate(mine.token)
    if (!verdict.ok) this.complaints.refused.push(`${verdict.reason} on node ${i}`)
    else if (verdict.session.attributes['n'] !== mine.n) {
      this.complaints.lost.push(`${JSON.stringify(verdict.session.attributes['n'])}, not ${mine.n}, on node ${i}`)
    }
  }

  async #client(client: number): Promise<void> {
    for (let life = 0; !this.#stopped; life++) {
      try {
        await this.#life(client, life)
      } catch (error) {
        this.complaints.failed.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error))
      }
    }
  }

  async #life(client: number, life: number): Promise<void> {
    const any = () => this.#nodes[(client + this.done++) % this.#nodes.length]!
    const subject = `s${client}-${life % 3}`
    const made = await any().create({ subject, tenant: `t${client % 4}`, attributes: { n: 0 } })
    const mine: Mine = { token: made.token, id: made.session.id, subject, n: 0 }
    for (let step = 0; step < 4; step++) {
      await scheduler.wait(thinkMs)
      const verdict = await any().authenticate(mine.token)
      if (!verdict.ok) this.complaints.refused.push(`${verdict.reason} in step ${step}`)
      await any().update(mine.token, { n: mine.n + 1 })
      mine.n++
      if (step === 1) mine.token = (await any().rotate(mine.token)).token
      if (step === 2) mine.token = (await any().reauthenticate(mine.token, { level: 'aal2', methods: ['otp'] })).token
    }
    if (life % 5 === 0) {
      this.#kept.push(mine)
      return
    }
    const targets = [{ id: mine.id }, { token: mine.token }, { subject, except: this.#others(subject) }] as const
    await any().revoke(targets[life % 3]!)
    const at = performance.now()
    this.#ended.push({ token: mine.token, at })
    this.#lookBack()
  }

  #others(subject: string): readonly string[] {
    return this.#kept.flatMap((mine) => mine.subject === subject ? [mine.id] : []).slice(-60)
  }

  /** Longer ago than a node may be behind, nobody accepts it. */
  #lookBack(): void {
    const now = performance.now()
    for (const { at, token } of this.#ended.slice(-400)) {
      if (now - at < this.#maxStalenessMs + 50) continue
      for (const [i, node] of this.#nodes.entries()) {
        if (node.validate(token, { touch: false }).ok) this.complaints.revived.push(`after ${now - at} ms on node ${i}`)
      }
    }
  }
}
