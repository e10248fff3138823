import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import * as Stream from 'effect/Stream'
import type { DomainEvent } from '../domain/events.ts'
import { orderingKey } from '../domain/events.ts'
import { InvalidOptions, LogDamaged, LogUnavailable, type LogUnusable } from '../errors.ts'
import { Bell } from './bell.ts'
import { decodeText, encodeText } from './codec.ts'
import { follow, pages, type Fetch, type Page } from './follow.ts'
import { batchLengthMax } from './limits.ts'
import { EventLog, type EventLogShape, type StoredEvent } from './port.ts'
import { past, position, start, type Position } from './position.ts'

/** What a log in memory is to look like. */
export interface MemoryLogOptions {
  /** How many partitions the log has, 1 to 64; default 1. More than one is for tests of what must hold on such logs. */
  readonly partitions?: number
}

const partitionsMax = 64

/** What the nodes on one memory log share. */
interface Shared {
  readonly partitions: ReadonlyArray<string[]>
  readonly bells: Set<Bell>
}

/**
 * A log in the memory of this process, for tests and trials: it is as durable as the process. All nodes that are given
 * the same value share its events, also those that open after others have closed. Not for several processes.
 */
export const memoryLog = (
  options: MemoryLogOptions = {}
): Layer.Layer<EventLog, LogUnusable | LogUnavailable | InvalidOptions> => {
  const problem = optionsProblem(options)
  if (problem !== undefined) return Layer.effect(EventLog, Effect.fail(problem))
  const shared: Shared = {
    partitions: Array.from({ length: options.partitions ?? 1 }, () => []),
    bells: new Set()
  }
  return Layer.effect(EventLog, Effect.map(Effect.acquireRelease(
    Effect.sync(() => new MemoryNode(shared)),
    (node) => Effect.sync(() => node.close())
  ), (node) => node.shape()))
}

const optionsProblem = (options: unknown): InvalidOptions | undefined => {
  if (typeof options !== 'object' || options === null) {
    return new InvalidOptions({ option: 'memoryLog', message: 'memoryLog takes an object of options, or nothing.' })
  }
  for (const [option, value] of Object.entries(options)) {
    if (option !== 'partitions') {
      return new InvalidOptions({ option, message: `memoryLog has no option '${option}'; it has: partitions.` })
    }
    if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= partitionsMax)) {
      const message = `The option partitions must be a whole number from 1 to ${partitionsMax}.`
      return new InvalidOptions({ option, message })
    }
  }
  return undefined
}

class MemoryNode {
  readonly #shared: Shared
  readonly #bell = new Bell()
  #open = true

  constructor(shared: Shared) {
    this.#shared = shared
    shared.bells.add(this.#bell)
  }

  shape(): EventLogShape {
    return {
      append: (events) => this.#whileOpen(() => this.#append(events)),
      read: (from) => Stream.suspend(() => pages(from, this.#fetch(this.#head()))),
      tail: (from) => follow(from, this.#fetch(null), this.#bell),
      head: this.#whileOpen(() => this.#head()),
      ring: () => this.#bell.ring(),
      retentionMs: null,
      status: () => ({
        kind: 'memory',
        failure: null,
        details: { records: this.#shared.partitions.reduce((sum, records) => sum + records.length, 0) }
      })
    }
  }

  close(): void {
    this.#open = false
    this.#shared.bells.delete(this.#bell)
    // Tails that wait learn that it is closed.
    this.#bell.ring()
  }

  #whileOpen<A>(f: () => A): Effect.Effect<A, LogUnavailable> {
    return Effect.suspend(() => this.#open
      ? Effect.succeed(f())
      : Effect.fail(new LogUnavailable({ message: 'The log was closed.' })))
  }

  #head(): Position {
    return position(this.#shared.partitions.map((records) => records.length))
  }

  #append(events: readonly DomainEvent[]): { readonly position: Position } {
    // All are encoded before one is kept: an append is whole or not at all.
    const texts = events.map(encodeText)
    let end = start
    events.forEach((event, i) => {
      for (const partition of this.#partitionsOf(event)) {
        const records = this.#shared.partitions[partition]!
        end = past(end, partition, records.push(texts[i]!) - 1)
      }
    })
    if (events.length > 0) for (const bell of this.#shared.bells) bell.ring()
    return { position: end }
  }

  #partitionsOf(event: DomainEvent): readonly number[] {
    const count = this.#shared.partitions.length
    const place = orderingKey(event)
    if (place === 'every') return Array.from({ length: count }, (_, partition) => partition)
    return [place === 'any' ? 0 : hash(place.key) % count]
  }

  /** Pages up to `end`, or to what there is when it is asked. */
  readonly #fetch = (end: Position | null): Fetch<Position> => (from) =>
    Effect.suspend((): ReturnType<Fetch<Position>> => {
      if (!this.#open) return Effect.fail(new LogUnavailable({ message: 'The log was closed.' }))
      const head = this.#head()
      if (from.some((count, partition) => count > (head[partition] ?? 0))) {
        return Effect.fail(new LogDamaged({
          position: head,
          message: 'The position lies behind the end of this log: it is of another log, or of one that is gone.'
        }))
      }
      return Effect.succeed(this.#page(from, end ?? head))
    })

  #page(from: Position, end: Position): Page<Position> {
    const records: StoredEvent[] = []
    let next = from
    let more = false
    for (let partition = 0; partition < end.length; partition++) {
      const first = from[partition] ?? 0
      const last = Math.min(end[partition]!, first + batchLengthMax - records.length)
      for (let offset = first; offset < last; offset++) {
        records.push({ partition, offset, event: decodeText(this.#shared.partitions[partition]![offset]!) })
      }
      if (last > first) next = past(next, partition, last - 1)
      if (last < end[partition]!) more = true
    }
    return { records, next, more, damaged: null }
  }
}

/** FNV-1a, 32 bits. */
const hash = (text: string): number => {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}
