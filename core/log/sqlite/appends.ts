import * as Effect from 'effect/Effect'
import type { LogUnavailable } from '../../errors.ts'
import { batchLengthMax } from '../limits.ts'
import type { Failure } from './classify.ts'
import { packAppends, type Committed } from './messages.ts'
import { closed, unavailable } from './problem.ts'
import type { LogThread } from './thread.ts'
import type { Standing } from './transaction.ts'

/** Records that this node has just committed, as every node will read them, and where they stand. */
export interface Own {
  readonly standing: Standing
  readonly records: readonly string[]
}

interface Append {
  readonly records: readonly string[]
  /** Told the number of its first record. Nobody listens any more where the append was interrupted. */
  resume: (result: Effect.Effect<number, LogUnavailable>) => void
}

/**
 * So many records cross to the thread before their tick is over. It commits them while the next are made, which is
 * worth the further commit wherever the disk is not slow; and where it is, all the rest of the tick shares the next.
 */
const portion = 32

/**
 * The appends of this node that have no answer yet. Those of one tick cross to the thread together, many in portions; what
 * arrives there while a commit runs shares the next.
 */
export class Appends {
  readonly #path: string
  readonly #thread: LogThread
  readonly #onChange: () => void
  readonly #onStanding: (own: Own | undefined) => void
  #unsent: Append[] = []
  #unsentRecords = 0
  #sent: Append[] = []
  #isTickOpen = false
  #failure: Failure | undefined

  /**
   * `onChange` is told when appends begin or cease to wait. `onStanding` when something of this node's own has come to
   * stand, before whoever appended it is; what, if it fits a page.
   */
  constructor(path: string, thread: LogThread, onChange: () => void, onStanding: (own: Own | undefined) => void) {
    this.#path = path
    this.#thread = thread
    this.#onChange = onChange
    this.#onStanding = onStanding
  }

  /** Commits the records one behind the other; succeeds with the number of the first. */
  append(records: readonly string[]): Effect.Effect<number, LogUnavailable> {
    return Effect.callback((resume) => {
      const append: Append = { records, resume }
      this.#unsent.push(append)
      this.#unsentRecords += records.length
      if (!this.#isTickOpen) {
        this.#isTickOpen = true
        queueMicrotask(() => this.send())
      }
      if (this.#unsentRecords >= portion) this.#post()
      return Effect.sync(() => { append.resume = () => undefined })
    })
  }

  waiting(): number {
    return this.#unsent.length + this.#sent.length
  }

  /** The last failure, until an append succeeds again. */
  failure(): Failure | undefined {
    return this.#failure
  }

  /** Hands to the thread what has come in since the last time. */
  send(): void {
    if (!this.#isTickOpen) return
    this.#isTickOpen = false
    if (this.#unsent.length > 0) this.#post()
  }

  #post(): void {
    const unsent = this.#unsent
    this.#unsent = []
    this.#unsentRecords = 0
    for (const append of unsent) this.#sent.push(append)
    if (!this.#thread.post(packAppends(unsent.map(({ records }) => records)))) {
      return this.fail(unsent.length, closed(this.#path))
    }
    this.#onChange()
  }

  /** So many of those sent have failed, or all. */
  fail(appends: number, problem: Failure): void {
    const failed = this.#sent.splice(0, appends)
    if (failed.length === 0) return
    this.#failure = problem
    this.#onChange()
    const error = unavailable(problem)
    for (const { resume } of failed) resume(Effect.fail(error))
  }

  /** So many of those sent stand. */
  stand([appends, standing]: Committed): void {
    this.#failure = undefined
    const stand = this.#sent.splice(0, appends)
    this.#onChange()
    const records = stand.length === 1 ? stand[0]!.records : stand.flatMap((append) => append.records)
    this.#onStanding(records.length <= batchLengthMax ? { standing, records } : undefined)
    let next = standing.first
    for (const { records, resume } of stand) {
      resume(Effect.succeed(next))
      next += records.length
    }
  }
}
