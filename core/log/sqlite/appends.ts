import * as Effect from 'effect/Effect'
import type { DomainEvent } from '../../domain/events.ts'
import type { LogUnavailable } from '../../errors.ts'
import { batchLengthMax } from '../limits.ts'
import type { Failure } from './classify.ts'
import { moved } from './format.ts'
import { packAppends, type Committed } from './messages.ts'
import { closed, unavailable } from './problem.ts'
import type { LogThread } from './thread.ts'

/** Records that this node has just committed, the first of them as number `first`. */
export interface Own {
  readonly first: number
  readonly records: readonly OwnRecord[]
}
/** An event, and the text of it that every node will read. */
export interface OwnRecord {
  readonly body: string
  readonly event: DomainEvent
}

interface Append {
  readonly records: readonly OwnRecord[]
  /** Told the number of its first record. Nobody listens any more where the append was interrupted. */
  resume: (result: Effect.Effect<number, LogUnavailable>) => void
}

/**
 * The appends of this node that have no answer yet. Those of one tick cross to the thread in one message; what arrives
 * there while a commit runs shares the next.
 */
export class Appends {
  readonly #path: string
  readonly #thread: LogThread
  readonly #onChange: () => void
  readonly #onCommitted: (own: Own | undefined) => void
  #unsent: Append[] = []
  #sent: Append[] = []
  #failure: Failure | undefined
  #moved: Failure | undefined

  /**
   * `onChange` is told when appends begin or cease to wait. `onCommitted` when something of this node's own has come to
   * stand; what, if it fits a batch.
   */
  constructor(path: string, thread: LogThread, onChange: () => void, onCommitted: (own: Own | undefined) => void) {
    this.#path = path
    this.#thread = thread
    this.#onChange = onChange
    this.#onCommitted = onCommitted
  }

  /** Commits the records one behind the other; succeeds with the number of the first. */
  append(records: readonly OwnRecord[]): Effect.Effect<number, LogUnavailable> {
    return Effect.callback((resume) => {
      const append: Append = { records, resume }
      if (this.#unsent.push(append) === 1) queueMicrotask(() => this.send())
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
    if (this.#unsent.length === 0) return
    const unsent = this.#unsent
    this.#unsent = []
    this.#sent = this.#sent.concat(unsent)
    const posted = this.#thread.post(packAppends(unsent.map(({ records }) => records)))
    if (!posted) return this.fail(unsent.length, closed(this.#path))
    this.#onChange()
    // While the disk works: an append to a file that no longer stands at its path would be gone with the next start.
    const file = this.#thread.file()
    this.#moved = file === undefined ? undefined : moved(this.#path, file)
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
  stand([appends, first]: Committed): void {
    if (this.#moved !== undefined) return this.fail(appends, this.#moved)
    this.#failure = undefined
    const standing = this.#sent.splice(0, appends)
    this.#onChange()
    // Before anyone is told, for whoever is may wake a tail: it finds the records here and need not read the file.
    const records = standing.length === 1 ? standing[0]!.records : standing.flatMap((append) => append.records)
    this.#onCommitted(records.length <= batchLengthMax ? { first, records } : undefined)
    let next = first
    for (const { records, resume } of standing) {
      resume(Effect.succeed(next))
      next += records.length
    }
  }
}
