import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import * as Schedule from 'effect/Schedule'
import type * as Scope from 'effect/Scope'
import * as Stream from 'effect/Stream'
import { systemClock, type Clock } from '../clock.ts'
import { type InvalidOptions, type LogDamaged, LogUnavailable, LogUnusable } from '../errors.ts'
import { revealed } from '../secret.ts'
import { metadata } from '../kafka/api.ts'
import { Brokers } from '../kafka/brokers.ts'
import { loadDriver } from '../kafka/driver.ts'
import type { Trouble } from '../kafka/trouble.ts'
import { Appends } from './kafka/appends.ts'
import { Feed } from './kafka/feed.ts'
import { type Extent, extent, type HeadParts } from './kafka/head.ts'
import { News } from './kafka/news.ts'
import { checkOptions, type Checked, type KafkaLogOptions } from './kafka/options.ts'
import { Stand } from './kafka/stand.ts'
import { openTopic } from './kafka/topic.ts'
import { closed, unavailable } from './kafka/unavailable.ts'
import { follow, pages } from './follow.ts'
import { EventLog, type EventLogShape, type LogStatus } from './port.ts'
import { position, type Position, start } from './position.ts'

export type { KafkaConnectOptions, KafkaSocketRequest } from '../kafka/options.ts'
export type { KafkaLogOptions } from './kafka/options.ts'

/** Appends that have no answer when the log closes are waited for so long. */
const closeMsMax = 1_000
const closeStepMs = 5
/** So often, and so long, it is tried whether a topic is ready. */
const readyStep = '100 millis'
const readyStepsMax = 20

/**
 * A log in one topic of Kafka, for any number of nodes. The topic is made where there is none, and checked where there is
 * one: a setting with which it could lose or change events fails with `LogUnusable`, which names it.
 *
 * Durable: an append that succeeded stands on as many brokers as `min.insync.replicas` says, a majority of those that hold
 * the topic, and survives the death of the others, and of every process. Brokers write to their disks when they see fit:
 * it survives the loss of power of all of them at once only where the topic has `flush.messages=1`.
 *
 * Each event is one record; its key is the ordering key: a subject, or a session that has none. What concerns all
 * sessions stands in every partition. Any client of Kafka can read them; none but the nodes may write. What one append
 * puts into a partition is one batch, and stands whole or not at all; it takes up to 8,192 events, and what the topic's
 * `max.message.bytes` says (made with 1 MiB), compressed where that is needed.
 *
 * Every node reads every partition from places of its own, in no group: nothing is left on the brokers of one that is gone,
 * and none waits for another. What another node appends arrives within milliseconds: the brokers hold the request back
 * until there is something. While a broker is gone a tail waits, and goes on where it was; that takes as long as the
 * brokers need for an election, about 10 s. A topic that was deleted and made anew, lost its end, or was given more
 * partitions ends every tail with `LogDamaged`.
 *
 * Whoever can write to the topic can log anybody in: let only the nodes. They need to Describe, DescribeConfigs, Read and
 * Write the topic, and Create it if it is not there. No rights for groups are needed.
 */
export const kafkaLog = (
  options: KafkaLogOptions
): Layer.Layer<EventLog, LogUnusable | LogUnavailable | InvalidOptions> =>
  Layer.effect(EventLog, Effect.flatMap(revealed(options, checkOptions), (checked) => open(checked, systemClock)))

const open = (
  checked: Checked, clock: Clock
): Effect.Effect<EventLogShape, LogUnusable | LogUnavailable, Scope.Scope> => Effect.gen(function*() {
  const make = yield* Effect.mapError(loadDriver(checked), (problem) => new LogUnusable(problem))
  const brokers = yield* Effect.acquireRelease(
    Effect.sync(() => new Brokers(checked, make, clock)), (brokers) => Effect.sync(() => brokers.close()))
  const topic = yield* openTopic(brokers, checked)
  const stand: Stand = new Stand(checked.topic, topic.partitions, clock, () => node.wake())
  const parts = { brokers, stand, topic, clock }
  yield* ready(parts)
  const node = new KafkaNode(checked, parts)
  yield* Effect.addFinalizer(() => node.close())
  return node.shape()
})

/** A topic that was just made has its leaders a moment later. The first append is to find its connection open. */
const ready = (parts: HeadParts): Effect.Effect<void, LogUnavailable> => {
  const { brokers, stand } = parts
  const connected = Effect.suspend(() => Effect.forEach(new Set(brokers.layout()?.partitions.map(({ leader }) => leader)), (leader) => {
    const wire = brokers.broker('append', leader)
    return wire === undefined ? Effect.void : metadata(wire, stand.topic)
  }, { concurrency: 'unbounded', discard: true }))
  return Effect.andThen(extent(parts), connected).pipe(
    Effect.retry(Schedule.max([Schedule.spaced(readyStep), Schedule.recurs(readyStepsMax)])),
    Effect.mapError(asUnavailable))
}

class KafkaNode {
  readonly #checked: Checked
  readonly #parts: HeadParts
  readonly #news: News
  readonly #appends: Appends
  readonly #troubles = new Map<Feed, string>()
  #headFailure: string | null = null
  #open = true

  constructor(checked: Checked, parts: HeadParts) {
    this.#checked = checked
    this.#parts = parts
    this.#news = new News(parts)
    this.#appends = new Appends(parts.brokers, parts.stand, parts.topic, parts.clock)
  }

  shape(): EventLogShape {
    return {
      append: (events) => this.#whileOpen(() =>
        events.length === 0 ? Effect.succeed({ position: start }) : this.#appends.append(events)),
      read: (from) => Stream.unwrap(Effect.map(this.#whileOpen(() => this.#feed(from, false)), (feed) =>
        pages(null, () => feed.take))),
      tail: (from) => Stream.unwrap(Effect.map(this.#whileOpen(() => this.#feed(from, true)), (feed) =>
        follow(null, () => feed.take, this.#news.bell))),
      head: this.#whileOpen(() => Effect.map(this.#extent(), ({ starts, ends }) =>
        // Where all has aged nothing will be delivered any more that would lead there.
        position(ends.map((end, partition) => starts[partition] === end ? 0 : end)))),
      // A broker answers as soon as there is something.
      ring: () => undefined,
      retentionMs: this.#checked.retentionMs,
      status: () => this.#status()
    }
  }

  /** Something is amiss that those who wait must hear of. */
  wake(): void {
    this.#news.bell.ring()
  }

  /** What has no answer yet may get it; then all who wait are told. */
  close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#open = false
      this.wake()
      const { brokers, clock } = this.#parts
      const until = clock.monotonic() + closeMsMax
      const wait: Effect.Effect<void> = Effect.suspend(() =>
        !this.#appends.isBusy() || clock.monotonic() >= until ? Effect.void : Effect.delay(wait, closeStepMs))
      return Effect.andThen(wait, Effect.sync(() => {
        this.#appends.close()
        this.#news.close()
        brokers.close()
      }))
    })
  }

  #whileOpen<A, E, R>(f: () => Effect.Effect<A, E, R>): Effect.Effect<A, E | LogUnavailable, R> {
    return Effect.suspend((): Effect.Effect<A, E | LogUnavailable, R> => this.#open ? f() : Effect.fail(closed))
  }

  #extent(): Effect.Effect<Extent, LogUnavailable> {
    return extent(this.#parts).pipe(
      Effect.tap(({ ends }) => Effect.sync(() => {
        this.#headFailure = null
        this.#news.heard(ends)
      })),
      Effect.mapError((problem) => {
        this.#headFailure = problem.message
        return this.#open ? asUnavailable(problem) : closed
      }))
  }

  /** What stands behind a place. One that goes on is told of what is new, for as long as it does. */
  #feed(from: Position, isTail: boolean): Effect.Effect<Feed, never, Scope.Scope> {
    return Effect.acquireRelease(Effect.sync(() => {
      const feed: Feed = new Feed({
        ...this.#parts, news: this.#news, isClosed: () => !this.#open,
        onTrouble: (trouble) => {
          if (trouble === null) this.#troubles.delete(feed)
          else this.#troubles.set(feed, trouble.message)
        }
      }, from, isTail)
      const leave = isTail ? this.#news.join() : () => undefined
      return { feed, leave }
    }), ({ feed, leave }) => Effect.sync(() => {
      leave()
      this.#troubles.delete(feed)
    })).pipe(Effect.map(({ feed }) => feed))
  }

  #status(): LogStatus {
    const { brokers, stand, topic } = this.#parts
    const [trouble] = this.#troubles.values()
    return {
      kind: 'kafka',
      failure: stand.damage()?.message ?? brokers.failure() ?? this.#appends.failure() ?? this.#headFailure
        ?? this.#news.failure() ?? trouble ?? null,
      details: {
        topic: stand.topic, partitions: topic.partitions, replicas: topic.replicas, inSyncMin: topic.inSyncMin,
        brokers: brokers.layout()?.brokers.size ?? 0, waiting: brokers.waiting()
      }
    }
  }
}

const asUnavailable = (problem: Trouble | LogDamaged): LogUnavailable =>
  '_tag' in problem ? new LogUnavailable({ message: problem.message, cause: problem }) : unavailable(problem)
