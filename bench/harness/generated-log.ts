import * as Effect from 'effect/Effect'
import * as Stream from 'effect/Stream'
import type { DomainEvent } from '../../core/domain/events.ts'
import { LogUnavailable } from '../../core/errors.ts'
import type { EventLogShape, StoredEvent } from '../../core/log/port.ts'
import { position, type Position } from '../../core/log/position.ts'

const batchSize = 1_024

/** Batches of records from one place on. Ends when there is none left, or, if `live`, waits for more. */
class Reader implements AsyncIterableIterator<readonly StoredEvent[]> {
  readonly #log: GeneratedLog
  readonly #live: boolean
  #at: number
  #done = false
  #wake: (() => void) | undefined

  constructor(log: GeneratedLog, from: Position, live: boolean) {
    this.#log = log
    this.#at = from[0] ?? 0
    this.#live = live
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<readonly StoredEvent[]>> {
    while (this.#live && !this.#done && this.#at >= this.#log.length()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        this.#log.waiting.add(resolve)
      })
    }
    if (this.#done || this.#at >= this.#log.length()) return { done: true, value: undefined }
    const batch: StoredEvent[] = []
    const end = Math.min(this.#log.length(), this.#at + batchSize)
    for (let offset = this.#at; offset < end; offset++) {
      batch.push({ partition: 0, offset, event: this.#log.event(offset) })
    }
    this.#at = end
    return { done: false, value: batch }
  }

  async return(): Promise<IteratorResult<readonly StoredEvent[]>> {
    this.#done = true
    this.#wake?.()
    return { done: true, value: undefined }
  }
}

/**
 * A log whose first records are made when they are read, so that a node with ten million sessions can be had without
 * gigabytes of file. What is appended later is kept in memory. Not durable: for measuring what does not touch the log.
 */
export class GeneratedLog {
  readonly #count: number
  readonly #made: (offset: number) => DomainEvent
  readonly #appended: DomainEvent[] = []
  readonly waiting = new Set<() => void>()

  constructor(count: number, made: (offset: number) => DomainEvent) {
    this.#count = count
    this.#made = made
  }

  length(): number {
    return this.#count + this.#appended.length
  }

  event(offset: number): DomainEvent {
    return offset < this.#count ? this.#made(offset) : this.#appended[offset - this.#count]!
  }

  readonly #ring = (): void => {
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const wake of waiting) wake()
  }

  readonly #stream = (from: Position, live: boolean): Stream.Stream<readonly StoredEvent[], LogUnavailable> =>
    Stream.fromAsyncIterable(new Reader(this, from, live),
      (cause) => new LogUnavailable({ message: 'The generated log failed.', cause }))

  readonly shape: EventLogShape = {
    append: (events) => Effect.sync(() => {
      this.#appended.push(...events)
      this.#ring()
      return { position: position([this.length()]) }
    }),
    read: (from) => this.#stream(from, false),
    tail: (from) => this.#stream(from, true),
    head: Effect.sync(() => position([this.length()])),
    ring: this.#ring,
    retentionMs: null,
    status: () => ({ kind: 'generated', failure: null, details: {} })
  }
}
