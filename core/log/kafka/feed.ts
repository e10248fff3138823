import * as Effect from 'effect/Effect'
import type { Clock } from '../../clock.ts'
import { LogDamaged, type LogUnavailable } from '../../errors.ts'
import { fetchFrom, type FetchedPartition, type Raw } from '../../kafka/api.ts'
import type { Trouble } from '../../kafka/trouble.ts'
import type { Page } from '../follow.ts'
import { batchLengthMax } from '../limits.ts'
import type { StoredEvent } from '../port.ts'
import { type Position, position } from '../position.ts'
import { type Extent, extent, type HeadParts } from './head.ts'
import type { News } from './news.ts'
import { recordAt } from './records.ts'
import { closed, unavailable } from './unavailable.ts'

/** Between two attempts, ms. */
const retryMs = 250
/** A reading that gets nothing for so long gives up, ms. */
const readingMsMax = 10_000

/** One partition, as far as it was read. */
interface Place {
  /** The offset of the next record to fetch. */
  next: number
  /** What was fetched and is not taken yet. */
  waiting: readonly Raw[]
  taken: number
  /** What has aged by now was not missed by one that reads from the start. It has lived on once it was at the end. */
  mayAge: boolean
}

/** What a feed reads by. */
export interface FeedParts extends HeadParts {
  readonly clock: Clock
  readonly news: News
  readonly isClosed: () => boolean
  /** Told why nothing comes, and null when it does again. */
  readonly onTrouble: (trouble: Trouble | null) => void
}

/**
 * The records of all partitions behind a place, each partition's in order: catching up and living on are one. What the
 * node was told of lately is taken from its news, and all else is fetched, as much at once as an answer holds.
 */
export class Feed {
  readonly #parts: FeedParts
  readonly #from: Position
  readonly #isTail: boolean
  #places: readonly Place[] | undefined
  #ends: readonly number[] = []
  #damage: LogDamaged | undefined
  #movedAt: number

  /** One that does not go on ends where the log ends when it begins. */
  constructor(parts: FeedParts, from: Position, isTail: boolean) {
    this.#parts = parts
    this.#from = from
    this.#isTail = isTail
    this.#movedAt = parts.clock.monotonic()
  }

  /** The records that are next, as many as make a batch; none where nothing stands behind the place. */
  readonly take: Effect.Effect<Page<null>, LogUnavailable> = Effect.suspend(() => {
    if (this.#parts.isClosed()) return Effect.fail(closed)
    const records = this.#takeWaiting()
    if (records.length > 0) return Effect.succeed({ records, next: null, more: this.#hasMore(), damaged: null })
    const damaged = this.#damage ?? this.#parts.stand.damage()
    if (damaged !== undefined) return Effect.succeed({ records: [], next: null, more: false, damaged })
    if (this.#places !== undefined && !this.#hasMore()) return Effect.succeed({ records: [], next: null, more: false, damaged: null })
    const work = this.#places === undefined ? this.#begin() : this.#fill(this.#places)
    return Effect.flatMap(
      Effect.match(work, { onSuccess: () => undefined, onFailure: (problem) => problem }),
      (problem) => this.#again(problem))
  })

  #again(problem: Trouble | LogDamaged | undefined): Effect.Effect<Page<null>, LogUnavailable> {
    const { clock, brokers, onTrouble } = this.#parts
    if (problem === undefined) {
      onTrouble(null)
      this.#movedAt = clock.monotonic()
      return this.take
    }
    if ('_tag' in problem) {
      this.#damage = problem
      return this.take
    }
    onTrouble(problem)
    if (!this.#isTail && (clock.monotonic() - this.#movedAt > readingMsMax || this.#places === undefined)) {
      return Effect.fail(unavailable(problem))
    }
    return Effect.delay(Effect.andThen(Effect.ignore(brokers.refresh), this.take), retryMs)
  }

  #takeWaiting(): readonly StoredEvent[] {
    const records: StoredEvent[] = []
    this.#places?.forEach((place, partition) => {
      const end = Math.min(place.waiting.length, place.taken + batchLengthMax - records.length)
      while (place.taken < end) records.push(recordAt(partition, place.waiting[place.taken++]!))
      if (place.taken > 0 && place.taken === place.waiting.length) {
        place.waiting = []
        place.taken = 0
      }
    })
    return records
  }

  #hasMore(): boolean {
    return this.#places?.some((place, partition) => place.waiting.length > 0 || place.next < this.#end(partition)) ?? true
  }

  #end(partition: number): number {
    return this.#isTail ? this.#parts.stand.known(partition) : this.#ends[partition]!
  }

  #begin(): Effect.Effect<void, Trouble | LogDamaged> {
    return Effect.flatMap(extent(this.#parts), ({ starts, ends }) => {
      const from = this.#from
      if (from.length > ends.length && from.slice(ends.length).some((count) => count > 0)) return Effect.fail(this.#beyond(ends))
      const places = ends.map((end, partition): Place => {
        const first = starts[partition]!
        const next = from[partition] ?? 0
        return { next: next === 0 ? first : next, waiting: [], taken: 0, mayAge: next === 0 && first < end }
      })
      const missed = places.findIndex(({ next }, partition) => next < starts[partition]!)
      if (places.some(({ next }, partition) => next > ends[partition]!)) return Effect.fail(this.#beyond(ends))
      if (missed >= 0) return Effect.fail(this.#missing(missed, places[missed]!.next, starts[missed]!))
      this.#places = places
      this.#ends = ends
      return Effect.void
    })
  }

  /** Fetches for every partition of which something is yet to come. */
  #fill(places: readonly Place[]): Effect.Effect<void, Trouble | LogDamaged> {
    const { brokers, news, stand } = this.#parts
    const wanted = places.flatMap(({ next }, partition) => next < this.#end(partition) ? [partition] : [])
    const missing = wanted.filter((partition) => !this.#receive(partition, news.from(partition, places[partition]!.next)))
    if (missing.length < wanted.length) return Effect.void
    const layout = brokers.layout()
    const byLeader = Map.groupBy(missing, (partition) => layout?.partitions[partition]?.leader ?? -1)
    return Effect.forEach(byLeader.values(), (partitions) => brokers.leader('ask', partitions[0]!).pipe(
      Effect.flatMap((wire) =>
        fetchFrom(wire, stand.topic, new Map(partitions.map((partition) => [partition, places[partition]!.next])), 0)),
      Effect.flatMap((fetched) => this.#received(fetched)),
      Effect.catch((problem): Effect.Effect<void, Trouble | LogDamaged> =>
        !('_tag' in problem) && problem.kind === 'range' ? this.#outOfRange(places) : Effect.fail(problem))
    ), { concurrency: 'unbounded', discard: true })
  }

  #received(fetched: readonly FetchedPartition[]): Effect.Effect<void, Trouble | LogDamaged> {
    let isNew = false
    for (const { partition, records } of fetched) {
      const wrong = this.#parts.stand.delivered(partition, records)
      if (wrong !== undefined) return Effect.fail(wrong)
      isNew = this.#receive(partition, records) || isNew
    }
    const trouble: Trouble = {
      kind: 'doubtful', message: `The topic ${this.#parts.stand.topic} does not give what is known to stand there.`
    }
    return isNew || this.#damage !== undefined ? Effect.void : Effect.fail(trouble)
  }

  /** Whether there was anything among them that is next. */
  #receive(partition: number, records: readonly Raw[]): boolean {
    const place = this.#places![partition]!
    const end = this.#isTail ? Infinity : this.#end(partition)
    const more = records.filter(({ offset }) => offset >= place.next && offset < end)
    let next = place.next
    for (const { offset } of more) {
      if (offset !== next) {
        this.#damage = this.#missing(partition, next, offset)
        break
      }
      next++
    }
    const good = more.slice(0, next - place.next)
    place.waiting = place.waiting.length === 0 ? good : [...place.waiting.slice(place.taken), ...good]
    place.taken = 0
    place.next = next
    if (good.length > 0) place.mayAge = false
    return good.length > 0
  }

  #outOfRange(places: readonly Place[]): Effect.Effect<void, Trouble | LogDamaged> {
    return Effect.flatMap(extent(this.#parts), ({ starts }: Extent) => {
      for (const [partition, place] of places.entries()) {
        const first = starts[partition]!
        if (place.next >= first) continue
        if (!place.mayAge) return Effect.fail(this.#missing(partition, place.next, first))
        place.next = first
      }
      return Effect.void
    })
  }

  #beyond(ends: readonly number[]): LogDamaged {
    return new LogDamaged({
      position: position(ends),
      message: `The topic ${this.#parts.stand.topic} ends at ${JSON.stringify(ends)}, and the position lies behind that: it is `
        + 'of another log, or this one was replaced. Start the node without its snapshot.'
    })
  }

  #missing(partition: number, from: number, to: number): LogDamaged {
    return new LogDamaged({
      position: position(this.#places?.map(({ next }) => next) ?? this.#from),
      message: `Records ${from} to ${to - 1} of partition ${partition} of the topic ${this.#parts.stand.topic} are gone: they `
        + 'aged (option retention) before this node took them, or were removed. Start the node anew, without its snapshot.'
    })
  }
}
