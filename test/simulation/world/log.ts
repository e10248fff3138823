import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import * as Stream from 'effect/Stream'
import type { Chance } from '../../../bench/harness/chance.ts'
import { type DomainEvent, orderingKey } from '../../../core/domain/events.ts'
import { LogDamaged, LogUnavailable } from '../../../core/errors.ts'
import { Bell } from '../../../core/log/bell.ts'
import { decodeText, encodeText } from '../../../core/log/codec.ts'
import { follow, type Page, pages } from '../../../core/log/follow.ts'
import { EventLog, type EventLogShape, type StoredEvent } from '../../../core/log/port.ts'
import { past, position, type Position, start } from '../../../core/log/position.ts'
import { retentionMs } from '../settings.ts'
import type { Coverage } from './coverage.ts'
import type { Lane, Timeline } from './timeline.ts'
import { trip, type Weather } from './weather.ts'

const pageLength = 64
/** How long a request lasts that fails, ms; and an answer that comes too late for most. */
const failsAfterMs = 5
const slowMs = 7_000

const unavailable = () => new LogUnavailable({ message: 'the simulated log cannot be reached' })

const hash = (text: string): number => {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}

interface Text {
  readonly text: string
  readonly partitions: readonly number[]
}

/** The server of the log: texts in partitions. It never fails; the ways to it do. */
export class LogServer {
  /** All that was ever appended, to compare with. */
  readonly partitions: ReadonlyArray<string[]>
  /** Of each record of each partition, when it came. */
  readonly #times: ReadonlyArray<number[]>
  /** How many records of each partition were too old to be kept. */
  readonly #pruned: number[]
  readonly #timeline: Timeline
  readonly #subscribers = new Set<() => void>()

  constructor(count: number, timeline: Timeline) {
    this.partitions = Array.from({ length: count }, () => [])
    this.#times = Array.from({ length: count }, () => [])
    this.#pruned = Array.from({ length: count }, () => 0)
    this.#timeline = timeline
  }

  head(): Position {
    return position(this.partitions.map((texts) => texts.length))
  }

  append(texts: readonly Text[]): Position {
    let end = start
    for (const { text, partitions } of texts) {
      for (const partition of partitions) {
        end = past(end, partition, this.partitions[partition]!.push(text) - 1)
        this.#times[partition]!.push(this.#timeline.now)
      }
    }
    for (const tell of this.#subscribers) tell()
    return end
  }

  /** How many of a partition's first records are gone by now. */
  pruned(partition: number): number {
    const times = this.#times[partition]!
    while (times[this.#pruned[partition]!]! < this.#timeline.now - retentionMs) this.#pruned[partition]!++
    return this.#pruned[partition]!
  }

  /** `tell` is called after each append, until what is returned is called. */
  subscribe(tell: () => void): () => void {
    this.#subscribers.add(tell)
    return () => { this.#subscribers.delete(tell) }
  }

  textOf(event: DomainEvent): Text {
    const place = orderingKey(event)
    const count = this.partitions.length
    const all = this.partitions.map((_, partition) => partition)
    return { text: encodeText(event), partitions: place === 'every' ? all : [place === 'any' ? 0 : hash(place.key) % count] }
  }

  /** All records, by partition. */
  records(): readonly StoredEvent[] {
    return this.partitions.flatMap((texts, partition) =>
      texts.map((text, offset) => ({ partition, offset, event: decodeText(text) })))
  }
}

type RawPage = { readonly texts: ReadonlyArray<readonly [number, number, string]>; readonly next: Position; readonly more: boolean }

/** One process's connection to the log: requests and answers, each a trip through the weather. */
export class LogConnection {
  readonly #server: LogServer
  readonly #weather: Weather
  readonly #timeline: Timeline
  readonly #lane: Lane
  readonly #chance: Chance
  readonly #coverage: Coverage
  readonly #bell = new Bell()

  constructor(
    server: LogServer, weather: Weather, timeline: Timeline, lane: Lane, chance: Chance, coverage: Coverage
  ) {
    this.#server = server
    this.#weather = weather
    this.#timeline = timeline
    this.#lane = lane
    this.#chance = chance
    this.#coverage = coverage
  }

  layer(): Layer.Layer<EventLog> {
    return Layer.effect(EventLog, Effect.map(Effect.acquireRelease(
      Effect.sync(() => this.#server.subscribe(() => this.#push())),
      (unsubscribe) => Effect.sync(unsubscribe)), () => this.#shape()))
  }

  #shape(): EventLogShape {
    const fetch = (from: Position) => this.#fetch(from)
    return {
      append: (events) => Effect.suspend(() => this.#append(events)),
      read: (from) => Stream.suspend(() => pages(from, fetch)),
      tail: (from) => follow(from, fetch, this.#bell),
      head: Effect.suspend(() => this.#request(() => this.#server.head())),
      ring: () => this.#bell.ring(),
      retentionMs,
      status: () => ({ kind: 'simulated', failure: null, details: {} })
    }
  }

  /** The server tells of news, unless it cannot reach this node; then the node learns of them when it can again. */
  #push(): void {
    const { log } = this.#weather
    if (log === 'in' || log === 'both') return this.#weather.onLogHealed(() => this.#later(() => this.#bell.ring()))
    this.#later(() => this.#bell.ring())
  }

  #later(task: () => void, ms = trip(this.#chance) + this.#weather.logDelayMs): () => void {
    return this.#timeline.after(ms, this.#lane, task)
  }

  #append(events: readonly DomainEvent[]) {
    const texts = events.map((event) => this.#server.textOf(event))
    const fault = this.#weather.append
    switch (fault) {
      case 'none':
        return this.#request(() => ({ position: this.#server.append(texts) }))
      case 'fails':
        this.#coverage.count('fault', 'append-fails')
        return this.#lost()
      case 'loses-answer':
        this.#coverage.count('fault', 'append-loses-answer')
        return Effect.andThen(this.#request(() => this.#server.append(texts)), this.#lost())
      case 'half': {
        const first = texts.map(({ text, partitions }) => ({ text, partitions: partitions.slice(0, 1) }))
        if (texts.some(({ partitions }) => partitions.length > 1)) this.#coverage.count('fault', 'append-half')
        return Effect.andThen(this.#request(() => this.#server.append(first)), this.#lost())
      }
      case 'slow':
        this.#coverage.count('fault', 'append-slow')
        return this.#request(() => ({ position: this.#server.append(texts) }), this.#chance.below(slowMs))
    }
  }

  #lost() {
    return Effect.callback<never, LogUnavailable>((resume) =>
      void this.#later(() => resume(Effect.fail(unavailable())), failsAfterMs))
  }

  /** There and back. What is cut off meets an error, or silence until it is over. */
  #request<A>(serve: () => A, extraMs = 0): Effect.Effect<A, LogUnavailable> {
    return Effect.callback<A, LogUnavailable>((resume) => {
      const swallowed = (): void => {
        this.#coverage.count('fault', this.#weather.hangs ? 'log-hangs' : 'log-cut')
        const fail = () => resume(Effect.fail(unavailable()))
        if (this.#weather.hangs) this.#weather.onLogHealed(() => this.#later(fail))
        else this.#later(fail, failsAfterMs)
      }
      if (this.#weather.log === 'out' || this.#weather.log === 'both') return swallowed()
      this.#timeline.after(trip(this.#chance) + this.#weather.logDelayMs + extraMs, null, () => {
        const answer = serve()
        if (this.#weather.log === 'in' || this.#weather.log === 'both') return swallowed()
        this.#later(() => resume(Effect.succeed(answer)))
      })
    })
  }

  #fetch(from: Position): Effect.Effect<Page<Position>, LogUnavailable | LogDamaged> {
    return Effect.flatMap(this.#request(() => this.#page(from)), (page) => page === null
      ? Effect.fail(new LogDamaged({ position: from, message: 'the records behind this place were too old to be kept' }))
      : Effect.succeed({
        records: page.texts.map(([partition, offset, text]) => ({ partition, offset, event: decodeText(text) })),
        next: page.next, more: page.more, damaged: null
      }))
  }

  /** Null: what stood there is gone. */
  #page(from: Position): RawPage | null {
    const texts: Array<readonly [number, number, string]> = []
    let next = from
    let more = false
    for (const [partition, all] of this.#server.partitions.entries()) {
      const asked = from[partition] ?? 0
      const pruned = this.#server.pruned(partition)
      if (asked > 0 && asked < pruned) return null
      if (asked < pruned) this.#coverage.count('fault', 'log-pruned')
      const first = Math.max(asked, pruned)
      const last = Math.min(all.length, first + pageLength)
      for (let offset = first; offset < last; offset++) texts.push([partition, offset, all[offset]!])
      if (last > first) next = past(next, partition, last - 1)
      if (last < all.length) more = true
    }
    return { texts, next, more }
  }
}
