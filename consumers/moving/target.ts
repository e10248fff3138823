import * as Effect from 'effect/Effect'
import * as Stream from 'effect/Stream'
import type { LogCopyFinished, LogCopyStarted } from '../../core/domain/events.ts'
import { CopyRefused, type LogDamaged, type LogUnavailable } from '../../core/errors.ts'
import type { EventLogShape, StoredEvent } from '../../core/log/port.ts'
import { start } from '../../core/log/position.ts'
import { Standing } from '../../projections/moving/plan.ts'

/** What stands already in the log that is copied to. */
export interface Target {
  readonly partitions: number
  /** The record that the copy began with, if it did. */
  readonly started: LogCopyStarted | null
  /** Whether each partition has it. */
  readonly isStarted: boolean
  readonly isFinished: boolean
  readonly standing: Standing
}

const refused = (reason: CopyRefused['reason'], message: string) => new CopyRefused({ reason, nodes: [], message })

const notEmpty = (to: string) => refused('not-empty', `The log ${to} has events of its own, so nothing is copied to it. `
  + 'Give a log that is empty, or that a copy of the same log was begun to.')

/** Reads what an earlier attempt has left, and looks that it was one from the same log. */
class Reading {
  readonly #from: string
  readonly #to: string
  readonly standing: Standing
  started: LogCopyStarted | null = null
  readonly #startedIn = new Set<number>()
  readonly #finishedIn = new Set<number>()

  constructor(from: string, to: string, partitions: number) {
    this.#from = from
    this.#to = to
    this.standing = new Standing(partitions)
  }

  /** Why nothing can be copied here, if that is so. */
  take(record: StoredEvent): CopyRefused | undefined {
    const { event, partition } = record
    switch (event.type) {
      case 'NodeAnnounced':
        return undefined
      case 'LogSealed':
        return refused('moved', `The log ${this.#to} was itself moved, to ${event.to}: nothing can be copied to it.`)
      case 'LogCopyStarted':
      case 'LogCopyFinished':
        return this.#mark(event, partition)
      default:
        // Behind the end of the copy stands what the cluster has done here since.
        if (this.#finishedIn.has(partition)) return undefined
        if (!this.#startedIn.has(partition)) return notEmpty(this.#to)
        this.standing.add(record)
        return undefined
    }
  }

  isIn(partitions: number): { readonly isStarted: boolean; readonly isFinished: boolean } {
    return { isStarted: this.#startedIn.size === partitions, isFinished: this.#finishedIn.size === partitions }
  }

  #mark(event: LogCopyStarted | LogCopyFinished, partition: number): CopyRefused | undefined {
    if (event.from !== this.#from) {
      return refused('other-copy', `The log ${this.#to} is a copy of ${event.from}, not of ${this.#from}: give an empty one.`)
    }
    if (event.type === 'LogCopyFinished') this.#finishedIn.add(partition)
    else {
      this.#startedIn.add(partition)
      this.started ??= event
    }
    return undefined
  }
}

/** Fails with `CopyRefused` if nothing may be copied to this log. */
export const readTarget = (
  log: EventLogShape, from: string, to: string
): Effect.Effect<Target, CopyRefused | LogUnavailable | LogDamaged> => Effect.gen(function*() {
  const partitions = Math.max(1, (yield* log.head).length)
  const reading = new Reading(from, to, partitions)
  yield* Stream.runForEach(log.read(start), (batch) => Effect.suspend((): Effect.Effect<void, CopyRefused> => {
    for (const record of batch) {
      const problem = reading.take(record)
      if (problem !== undefined) return Effect.fail(problem)
    }
    return Effect.void
  }))
  return { partitions, started: reading.started, ...reading.isIn(partitions), standing: reading.standing }
})
