import * as Context from 'effect/Context'
import type * as Effect from 'effect/Effect'
import type * as Stream from 'effect/Stream'
import type { LogDamaged, LogUnavailable } from '../errors.ts'
import type { DomainEvent } from '../domain/events.ts'
import type { Unreadable } from './codec.ts'
import type { Position } from './position.ts'

/** A record of the log: where it stands, and what it says, or why that cannot be known. */
export interface StoredEvent {
  readonly partition: number
  /** Counts the records of its partition, from 0, in their order. May leave gaps; never goes back. */
  readonly offset: number
  readonly event: DomainEvent | Unreadable
}

/** Where the records of one `append` stand. */
export interface Appended {
  /** A node that has applied everything up to here has folded them. */
  readonly position: Position
}

/** What an operator wants to know of a log. Only plain values, none of them secret. */
export interface LogStatus {
  readonly kind: string
  /** The last failure, while it lasts. */
  readonly failure: string | null
  readonly details: Readonly<Record<string, string | number | boolean>>
}

/**
 * The ordered, durable list of events: the one authority of the cluster (I1). This comment is the contract; the suite
 * in test/contract/event-log.ts holds every backend to it.
 *
 * Order: the records of a partition have one order, the same for every reader at every time. Events with the same
 * ordering key go to the same partition, in the order of the appends that were answered one after the other.
 *
 * Not promised: that a record stands once. An append whose answer was lost is retried with the same command ids, so
 * duplicates are normal and for the fold to ignore. Not promised either: conditional appends. Expectations travel in
 * the events, and the fold decides.
 */
export interface EventLogShape {
  /**
   * Makes the events durable, in their order. When it succeeds they survive the death of this process, of the log's
   * server and, where the backend's documentation says so, of power. When it fails with `LogUnavailable` the outcome is
   * unknown: they may stand or not, all or none of a partition's. Interrupting it does not take back what was sent.
   * Concurrent appends may share one commit; one caller's failure is not another's. The tails of this node are on their
   * way to what was appended here, without a `ring`.
   */
  readonly append: (events: readonly DomainEvent[]) => Effect.Effect<Appended, LogUnavailable>
  /**
   * All records from `from` up to the head as it is when reading begins, in batches, in the order of their partition.
   * Fails with `LogDamaged` at a record whose place or bytes cannot be trusted, after all before it were delivered.
   * Fails with it at once where `from` lies behind the end: such a place is of another log, or of one that is gone; and
   * where the records behind it were too old to be kept, unless it is the start.
   */
  readonly read: (from: Position) => Stream.Stream<readonly StoredEvent[], LogUnavailable | LogDamaged>
  /**
   * `read`, and then whatever is appended by anyone, without end, gap or repetition. What another process appends
   * arrives without a doorbell too, within a time that the backend states.
   */
  readonly tail: (from: Position) => Stream.Stream<readonly StoredEvent[], LogUnavailable | LogDamaged>
  /**
   * The place behind the last record that was durable when this was asked: one cheap round trip, never from a cache.
   */
  readonly head: Effect.Effect<Position, LogUnavailable>
  /** Tells the tails of this node that there may be news. Synchronous, cheap, and safe at any time. */
  readonly ring: () => void
  /** How long an event is kept at least, ms; null: for ever. Reading from the start begins with the first that is kept. */
  readonly retentionMs: number | null
  readonly status: () => LogStatus
}

/** Closed with the scope of its layer; every call then fails with `LogUnavailable`. */
export class EventLog extends Context.Service<EventLog, EventLogShape>()('curfew/EventLog') {}
