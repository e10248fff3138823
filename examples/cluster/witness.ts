import { setInterval } from 'node:timers/promises'
import type { Refusal, Sessions } from '../../index.ts'
import { machineMs } from './machine-clock.ts'

export interface Watched {
  readonly id: string
  readonly token: string
}

/** What one node has answered about one token so far. Times by the machine's clock. */
export interface Sighting {
  readonly id: string
  readonly firstAcceptedAt: number | null
  /** When the last `validate` that accepted it was called. */
  readonly lastAcceptedAt: number | null
  /** When the first `validate` after an acceptance that refused it had answered. */
  readonly firstRefusedAt: number | null
  /** Every change of the answer, in order. */
  readonly answers: ReadonlyArray<{ readonly at: number; readonly answer: 'ok' | Refusal }>
}

interface Watch {
  readonly id: string
  readonly token: string
  firstAcceptedAt: number | null
  lastAcceptedAt: number | null
  firstRefusedAt: number | null
  readonly answers: Array<{ at: number; answer: 'ok' | Refusal }>
}

/** How many tokens are asked about in one round: few enough that the requests hardly notice. */
const perRound = 100

/**
 * Sits in a node and asks `validate` about the watched tokens, round and round, those that have ended too; and once
 * more the moment that a session's signal aborts: so the first refusal is known to a fraction of a millisecond.
 */
export class Witness {
  readonly #sessions: Sessions
  readonly #watches = new Map<string, Watch>()
  #order: Watch[] = []
  #next = 0
  #running = false
  /** How many times this node's witness has called `validate`. */
  validations = 0

  constructor(sessions: Sessions) {
    this.#sessions = sessions
  }

  watch(watched: readonly Watched[]): void {
    for (const { id, token } of watched) {
      const watch: Watch = {
        id, token, firstAcceptedAt: null, lastAcceptedAt: null, firstRefusedAt: null, answers: []
      }
      this.#watches.set(id, watch)
      this.#order.push(watch)
      this.#look(watch)
    }
    if (!this.#running) void this.#run()
  }

  forget(): void {
    this.#watches.clear()
    this.#order = []
    this.#next = 0
    this.validations = 0
  }

  sightings(ids: Iterable<string> = this.#watches.keys()): readonly Sighting[] {
    const found: Sighting[] = []
    for (const id of ids) {
      const watch = this.#watches.get(id)
      if (watch === undefined) continue
      const { token: _, ...sighting } = watch
      found.push(sighting)
    }
    return found
  }

  async #run(): Promise<void> {
    this.#running = true
    for await (const _ of setInterval(1)) {
      for (let i = Math.min(perRound, this.#order.length); i > 0; i--) {
        this.#next = (this.#next + 1) % this.#order.length
        this.#look(this.#order[this.#next]!)
      }
      if (this.#order.length === 0) break
    }
    this.#running = false
  }

  #look(watch: Watch): void {
    const at = machineMs()
    const verdict = this.#sessions.validate(watch.token, { touch: false })
    this.validations++
    const answer = verdict.ok ? 'ok' : verdict.reason
    if (verdict.ok) {
      watch.lastAcceptedAt = at
      if (watch.firstAcceptedAt === null) {
        watch.firstAcceptedAt = machineMs()
        this.#sessions.signal(verdict.session.id).addEventListener('abort', () => this.#look(watch), { once: true })
      }
    } else if (watch.firstAcceptedAt !== null && watch.firstRefusedAt === null) {
      watch.firstRefusedAt = machineMs()
    }
    if (watch.answers.at(-1)?.answer !== answer) watch.answers.push({ at, answer })
  }
}
