import * as Effect from 'effect/Effect'
import type * as Fiber from 'effect/Fiber'
import type { LogDamaged } from '../../errors.ts'
import { messageOf } from '../../message-of.ts'
import { fetchFrom, type FetchedPartition, type Raw } from '../../kafka/api.ts'
import type { Trouble } from '../../kafka/trouble.ts'
import type { Wire } from '../../kafka/wire.ts'
import { Bell } from '../bell.ts'
import { extent, type HeadParts } from './head.ts'

/** A broker holds back its answer for so long while there is nothing new, ms. So soon is one missed that is gone. */
const waitMs = 1_000
/** Between two attempts, ms. */
const retryMs = 250
/** So many records of a partition, and so many characters of them, are kept for who takes them. */
const keptMax = 2_048
const keptLengthMax = 1_048_576

type Problem = Trouble | LogDamaged

/** What came last of a partition, without a gap, up to the next one that is to come. */
interface Recent {
  records: Raw[]
  length: number
  next: number
}

/**
 * What comes while somebody follows. One request to each leader waits there until there is something new, and all tails of
 * this node take it from here. After each change, and whenever nothing came for a while, it begins once more with the
 * last record that came: what is not the same topic any more does not have it.
 */
export class News {
  readonly bell = new Bell()
  readonly #parts: HeadParts
  #recent: readonly Recent[] = []
  #followers = 0
  #fiber: Fiber.Fiber<unknown> | undefined
  #trouble: Trouble | undefined

  constructor(parts: HeadParts) {
    this.#parts = parts
  }

  /** Why nothing comes, or null. */
  failure(): string | null {
    return this.#trouble?.message ?? null
  }

  /** Somebody follows. Returns how to say that it is over. */
  join(): () => void {
    if (++this.#followers === 1) this.#start()
    return () => { if (--this.#followers === 0) this.#stop() }
  }

  /** Wakes those who follow, if there is more than came: whoever else knows it was quicker, or nothing comes any more. */
  heard(ends: readonly number[]): void {
    if (this.#recent.some(({ next }, partition) => next < (ends[partition] ?? 0))) this.bell.ring()
  }

  /** The records from this offset on, where they are at hand. */
  from(partition: number, offset: number): readonly Raw[] {
    const recent = this.#recent[partition]
    const first = recent?.records[0]
    if (recent === undefined || first === undefined || offset < first.offset || offset >= recent.next) return []
    return recent.records.slice(offset - first.offset)
  }

  close(): void {
    this.#stop()
  }

  #start(): void {
    this.#fiber = Effect.runFork(Effect.forever(Effect.suspend(() => this.#round())))
  }

  #stop(): void {
    this.#fiber?.interruptUnsafe()
    this.#fiber = undefined
    this.#recent = []
    this.#trouble = undefined
  }

  /** From a layout to the first thing that goes wrong with it. */
  #round(): Effect.Effect<void> {
    const { brokers, stand } = this.#parts
    if (stand.damage() !== undefined) return Effect.never
    return Effect.gen({ self: this }, function*() {
      if (this.#recent.length === 0) yield* this.#begin()
      const layout = yield* brokers.refresh
      const changed = stand.laidOut(layout.partitions.length)
      if (changed !== undefined) return yield* changed
      const byLeader = Map.groupBy(layout.partitions.keys(), (partition) => layout.partitions[partition]!.leader)
      yield* Effect.forEach(byLeader.values(), (partitions) => this.#followLeader(partitions), {
        concurrency: 'unbounded', discard: true
      })
    }).pipe(Effect.catch((problem: Problem) => Effect.sync(() => {
      if (!('_tag' in problem)) this.#trouble = problem
    })), Effect.catchDefect((defect) => Effect.sync(() => {
      this.#trouble = { kind: 'doubtful', message: `The news of the log cannot be read: ${messageOf(defect)}` }
    })), Effect.andThen(Effect.sleep(retryMs)))
  }

  /** What stands by now is for each tail to fetch. */
  #begin(): Effect.Effect<void, Problem> {
    return Effect.map(extent(this.#parts), ({ ends }) => {
      this.#recent = ends.map((next) => ({ records: [], length: 0, next }))
      this.bell.ring()
    })
  }

  #followLeader(partitions: readonly number[]): Effect.Effect<never, Problem> {
    const { brokers } = this.#parts
    let isSure = false
    return Effect.flatMap(brokers.leader('follow', partitions[0]!), (wire) => {
      const step = Effect.suspend(() => isSure ? this.#fetch(wire, partitions, false) : this.#fetch(wire, partitions, true))
      return Effect.forever(Effect.map(step, (isNew) => {
        // Something new begins right behind what came before; where nothing is, nothing says that it is still there.
        isSure = !isSure || isNew
        this.#trouble = undefined
      })).pipe(Effect.onInterrupt(() => Effect.sync(() => wire.drop('not waited for any more'))))
    })
  }

  /** Fetches what is new; `again`: with the last record that came, and without waiting. Succeeds with whether any was. */
  #fetch(wire: Wire, partitions: readonly number[], again: boolean): Effect.Effect<boolean, Problem> {
    const { stand } = this.#parts
    const places = new Map(partitions.map((partition) => {
      const { next } = this.#recent[partition]!
      const mark = again ? stand.mark(partition) : undefined
      return [partition, Math.min(next, mark?.offset ?? next)]
    }))
    const stood = stand.allKnown()
    return fetchFrom(wire, stand.topic, places, again ? 0 : waitMs).pipe(
      Effect.flatMap((fetched) => this.#take(fetched, stood)),
      Effect.catch((problem: Problem) =>
        !('_tag' in problem) && problem.kind === 'range' ? this.#outOfRange(partitions, problem) : Effect.fail(problem)))
  }

  #take(fetched: readonly FetchedPartition[], stood: readonly number[]): Effect.Effect<boolean, Problem> {
    const { stand } = this.#parts
    let isNew = false
    for (const { partition, end, records } of fetched) {
      const recent = this.#recent[partition]!
      const wrong = stand.delivered(partition, records) ?? stand.ends(partition, end, stood[partition]!)
      if (wrong !== undefined) return Effect.fail(wrong)
      const more = records.filter(({ offset }) => offset >= recent.next)
      if (more.length === 0) continue
      isNew = true
      // What does not follow on what came is for each tail to see.
      if (more[0]!.offset > recent.next) Object.assign(recent, { records: [], length: 0 })
      recent.next = more.at(-1)!.offset + 1
      keep(recent, more)
    }
    if (isNew) this.bell.ring()
    return Effect.succeed(isNew)
  }

  /** The records there have aged, or the partition ends before them. */
  #outOfRange(partitions: readonly number[], problem: Trouble): Effect.Effect<never, Problem> {
    return Effect.flatMap(extent(this.#parts), ({ starts }) => {
      for (const partition of partitions) {
        const first = starts[partition] ?? 0
        const recent = this.#recent[partition]!
        if ((this.#parts.stand.mark(partition)?.offset ?? first) < first) this.#parts.stand.unmark(partition)
        if (recent.next < first) Object.assign(recent, { records: [], length: 0, next: first })
      }
      this.bell.ring()
      return Effect.fail(problem)
    })
  }
}

const keep = (recent: Recent, more: readonly Raw[]): void => {
  recent.records.push(...more)
  recent.length += lengthOf(more)
  if (recent.records.length <= keptMax && recent.length <= keptLengthMax) return
  // The newer half, so that this is rare.
  recent.records = recent.records.slice(-Math.max(more.length, Math.floor(recent.records.length / 2)))
  recent.length = lengthOf(recent.records)
  if (recent.records.length > 2 * keptMax || recent.length > 2 * keptLengthMax) Object.assign(recent, { records: [], length: 0 })
}

const lengthOf = (records: readonly Raw[]): number => records.reduce((sum, { text }) => sum + (text?.length ?? 0), 0)
