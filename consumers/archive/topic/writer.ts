import * as Effect from 'effect/Effect'
import type { Clock } from '../../../core/clock.ts'
import { sizeOf } from '../../../core/kafka/api.ts'
import type { Trouble } from '../../../core/kafka/trouble.ts'
import type { Wire } from '../../../core/kafka/wire.ts'
import type { ArchiveState } from '../target.ts'
import {
  endTransaction, findCoordinator, type Line, onlyPartition, takeOver, takePart, write, type Writing
} from './api.ts'
import { digestOf, positionKey, render, type TopicPosition } from './position.ts'
import { type Problem, problemOf, unusable } from './problems.ts'
import { isPassing, type Part, type Topics } from './topics.ts'

/** So long an append is tried, ms: through an election, and well within a transaction. */
const triedMsMax = 30_000
/** What is under way for so long is given up by the brokers themselves, ms. */
const transactionMsMax = 60_000
const retryMs = 50
/** The brokers need so long to write down how a transaction ended, which they do behind our back, ms. */
const busyMs = 2
/** Sequences are of 31 bits, and go on with 0. */
const sequenceEnd = 2_147_483_648

export const transactionalIdOf = (topic: string): string => `curfew-archive-${topic}`

/**
 * Writes to an archive in Kafka that is open: the lines of an append and the position behind them in one transaction. What
 * has no answer is asked again: the brokers know a batch by its sequence, and the end of a transaction by its writer.
 */
export class TopicWriter {
  readonly #topics: Topics
  readonly #clock: Clock
  readonly #id: string
  readonly #sequences = new Map<string, number>()
  #by: Writing | undefined
  #coordinator: Wire | undefined
  #position: TopicPosition = { state: null, end: 0, last: '' }
  #failure: Problem | undefined

  constructor(topics: Topics, clock: Clock) {
    this.#topics = topics
    this.#clock = clock
    this.#id = transactionalIdOf(topics.events.topic)
  }

  /** Keeps out whoever wrote before. What he has not committed is gone when this succeeds. */
  takeOver(): Effect.Effect<void, Problem> {
    return this.#named(Effect.suspend(() => this.#insist(this.#until(), this.#coordinated((wire) =>
      takeOver(wire, this.#id, transactionMsMax))))).pipe(
      Effect.flatMap((producer) => Effect.sync(() => { this.#by = { ...producer, transactionalId: this.#id } })))
  }

  /** It goes on behind this. */
  goOn(position: TopicPosition): void {
    this.#position = position
  }

  /** Says that it has begun: before the first line, so that lines without a position are never ours. */
  begin(): Effect.Effect<void, Problem> {
    return this.#commit([], null)
  }

  append(lines: readonly string[], state: ArchiveState): Effect.Effect<void, Problem> {
    return this.#commit(lines, state)
  }

  #commit(lines: readonly string[], state: ArchiveState | null): Effect.Effect<void, Problem> {
    return Effect.suspend(() => {
      if (this.#failure !== undefined) return Effect.fail(this.#failure)
      return this.#named(this.#transaction(lines, state, this.#until())).pipe(
        Effect.tapError((problem) => Effect.suspend(() => {
          this.#failure = problem
          return Effect.ignore(this.#abort())
        })))
    })
  }

  #transaction(lines: readonly string[], state: ArchiveState | null, until: number): Effect.Effect<void, Trouble | Problem> {
    const { events, positions, bytesMax } = this.#topics
    return Effect.gen({ self: this }, function*() {
      const by = this.#by!
      const parts = lines.length === 0 ? [positions] : [events, positions]
      yield* this.#insist(until, this.#coordinated((wire) => takePart(wire, by, parts.map(({ topic }) => topic))))
      let { end } = this.#position
      for (const batch of batchesOf(lines, bytesMax)) {
        const base = yield* this.#write(events, batch, until)
        // A topic that is new takes whatever comes, and begins with 0.
        if (base < end) return yield* unusable(events.topic, `it ended at ${end}, and now at ${base}: it was deleted or lost its end. `
          + 'Archive to another topic')
        end = base + batch.length
      }
      const last = lines.at(-1)
      const position = { state, end, last: last === undefined ? this.#position.last : digestOf(last) }
      yield* this.#write(positions, [{ key: positionKey, value: render(position) }], until)
      yield* this.#insist(until, this.#coordinated((wire) => endTransaction(wire, by, true)))
      this.#position = position
    })
  }

  #write(part: Part, batch: readonly Line[], until: number): Effect.Effect<number, Trouble> {
    const { topic, brokers } = part
    const sequence = this.#sequences.get(topic) ?? 0
    const once = Effect.flatMap(brokers.leader('append', onlyPartition), (wire) => write(wire, this.#by!, topic, sequence, batch))
    return Effect.tap(this.#insist(until, once), () => Effect.sync(() => {
      this.#sequences.set(topic, (sequence + batch.length) % sequenceEnd)
    }))
  }

  /** So that readers need not wait until the brokers give it up. It is tried once. */
  #abort(): Effect.Effect<unknown, Trouble> {
    return Effect.suspend(() => this.#by === undefined
      ? Effect.void
      : this.#coordinated((wire) => endTransaction(wire, this.#by!, false)))
  }

  #until(): number {
    return this.#clock.monotonic() + triedMsMax
  }

  /** Asks whoever keeps the books of the transactions. */
  #coordinated<A>(ask: (wire: Wire) => Effect.Effect<A, Trouble>): Effect.Effect<A, Trouble> {
    return Effect.suspend(() => {
      const { brokers } = this.#topics.events
      const found = this.#coordinator === undefined
        ? Effect.map(Effect.flatMap(brokers.leader('ask', onlyPartition), (wire) => findCoordinator(wire, this.#id)), (address) => {
          this.#coordinator = brokers.wire('append', address)
          return this.#coordinator
        })
        : Effect.succeed(this.#coordinator)
      return Effect.flatMap(found, ask)
    })
  }

  /** Again, for as long as it may pass; and first looks who leads by now. */
  #insist<A>(until: number, work: Effect.Effect<A, Trouble>): Effect.Effect<A, Trouble> {
    return work.pipe(Effect.catch((trouble) => {
      if (!isPassing(trouble) || this.#clock.monotonic() >= until) return Effect.fail(trouble)
      if (trouble.kind === 'busy') return Effect.delay(this.#insist(until, work), busyMs)
      this.#coordinator = undefined
      const look = Effect.all([this.#topics.events, this.#topics.positions].map(({ brokers }) => Effect.ignore(brokers.refresh)))
      return Effect.delay(Effect.andThen(look, this.#insist(until, work)), retryMs)
    }))
  }

  #named<A>(work: Effect.Effect<A, Trouble | Problem>): Effect.Effect<A, Problem> {
    return Effect.mapError(work, (problem) => '_tag' in problem ? problem : problemOf(this.#topics.events.topic, problem))
  }
}

/** What does not compress may grow a little. */
const share = 0.9

/** As many lines at once as the topic takes. */
const batchesOf = (lines: readonly string[], bytesMax: number): readonly (readonly Line[])[] => {
  const batches: Line[][] = []
  let room = 0
  for (const value of lines) {
    const line = { key: null, value }
    const bytes = sizeOf([line])
    if (bytes > room || batches.length === 0) {
      batches.push([])
      room = bytesMax * share
    }
    batches.at(-1)!.push(line)
    room -= bytes
  }
  return batches
}
