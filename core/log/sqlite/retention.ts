import type { Clock } from '../../clock.ts'
import type { Failure } from './classify.ts'
import type { PruneDone, PruneRequest } from './messages.ts'

/** Looked at this often, as a share of the time that events are kept, and within these bounds, ms. */
const share = 1 / 50
const everyMsMin = 1_000
const everyMsMax = 600_000
/** Between two steps of one look: the thread has appends to commit. */
const stepMs = 20

/** Monotonic clocks may run so far apart. */
const ratesApart = 1.01

/** Has the thread prune the log, from time to time, in small steps. */
export class Retention {
  readonly #clock: Clock
  readonly #retentionMs: number | null
  readonly #ask: (request: PruneRequest) => boolean
  #cancel: () => void = () => undefined
  readonly #begun: { readonly wall: number; readonly monotonic: number }
  #failure: Failure | undefined
  #pruned = 0
  #isStopped = false

  /** `ask` sends to the thread, or says that nobody is there. */
  constructor(clock: Clock, retentionMs: number | null, ask: (request: PruneRequest) => boolean) {
    this.#clock = clock
    this.#retentionMs = retentionMs
    this.#ask = ask
    this.#begun = { wall: clock.wall(), monotonic: clock.monotonic() }
  }

  start(): void {
    if (this.#retentionMs !== null) this.#look(Math.min(everyMsMax, Math.max(everyMsMin, this.#retentionMs * share)))
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  done(done: PruneDone): void {
    if (done.kind === 'not-pruned') {
      this.#failure = done.failure
      return
    }
    this.#failure = undefined
    this.#pruned = done.pruned
    if (done.more && !this.#isStopped) {
      this.#cancel()
      this.#look(stepMs)
    }
  }

  /** The last failure, until a step succeeds again. */
  failure(): Failure | undefined {
    return this.#failure
  }

  /** How many records are gone since the log began, as far as this node has seen. */
  pruned(): number {
    return this.#pruned
  }

  #look(afterMs: number): void {
    this.#cancel = this.#clock.schedule(afterMs, () => {
      this.start()
      if (this.#retentionMs !== null) this.#ask({ retentionMs: this.#retentionMs, wall: this.#wall() })
    })
  }

  /** A clock that is set forward prunes nothing: no more time has passed than has passed. */
  #wall(): number {
    const { monotonic, wall } = this.#begun
    return Math.min(this.#clock.wall(), wall + (this.#clock.monotonic() - monotonic) * ratesApart)
  }
}
