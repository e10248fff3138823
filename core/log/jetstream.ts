import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import type * as Scope from 'effect/Scope'
import * as Stream from 'effect/Stream'
import { systemClock, type Clock } from '../clock.ts'
import { type InvalidOptions, type LogDamaged, LogUnavailable, LogUnusable } from '../errors.ts'
import { useConnections } from '../nats/via.ts'
import { makeRandom } from '../random.ts'
import { revealed } from '../secret.ts'
import { Appends } from './jetstream/appends.ts'
import { Feed } from './jetstream/feed.ts'
import { Link } from './jetstream/link.ts'
import { checkOptions, type Checked, type JetstreamLogOptions } from './jetstream/options.ts'
import { behind } from './jetstream/records.ts'
import { Stand } from './jetstream/stand.ts'
import { openStream } from './jetstream/stream.ts'
import { closed, type Trouble, unavailable } from './jetstream/trouble.ts'
import { follow, pages } from './follow.ts'
import { EventLog, type EventLogShape, type LogStatus } from './port.ts'
import { position, type Position, start } from './position.ts'

export type { NatsConnection } from '../nats/connection.ts'
export type { NatsConnectOptions } from '../nats/own.ts'
export type { JetstreamLogOptions } from './jetstream/options.ts'

/** The first connection may take so long. */
const connectWithin = '3 seconds'
/** Appends that have no answer when the log closes are waited for so long. */
const closeMsMax = 1_000
const closeStepMs = 5

/**
 * A log in one stream of NATS JetStream, for any number of nodes. The stream is made where there is none, and checked
 * where there is one: a setting with which it could lose or change events fails with `LogUnusable`, which names it.
 *
 * Durable: an append that succeeded stands on a majority of the servers that hold the stream and survives the death of
 * the others, and of every process. It survives the loss of power of that majority at once only where the servers are
 * set to write through: `jetstream { sync_interval: always }` in their configuration, which a client cannot see, and
 * which servers before 2.10 do not have. Else they write through every two minutes (before 2.10: every minute).
 *
 * One append is one message, so it stands whole or not at all; a retry of it is known by the server for two minutes. All
 * messages have the same subject: nothing that a user chose gets into it. A message takes up to 8,192 events and what
 * the server's `max_payload` says (default 1 MiB).
 *
 * What another node appends arrives as it is stored, within milliseconds: the server pushes it. While a server is gone a
 * tail waits, and goes on where it was; that takes as long as the servers need for an election, 4 to 10 s. A stream that
 * was deleted and made anew, or restored from an older copy, ends every tail with `LogDamaged`.
 *
 * Whoever can publish to the subject of the events, curfew.CLUSTER.events.v1, can log anybody in: on a server that others
 * use let only the nodes. They need to publish to it, to $JS.API.STREAM.INFO, STREAM.CREATE, CONSUMER.CREATE and
 * CONSUMER.DELETE of the stream and to $JS.FC.>, and to subscribe to their inbox, _INBOX.> if not named otherwise.
 *
 * The head is asked of the stream's leader, and taken only if no other can have been elected when it was asked.
 * Servers before 2.11 may elect a leader that answers before it has applied all that it holds: use a newer one.
 */
export const jetstreamLog = (
  options: JetstreamLogOptions
): Layer.Layer<EventLog, LogUnusable | LogUnavailable | InvalidOptions> =>
  Layer.effect(EventLog, Effect.flatMap(revealed(options, checkOptions), (checked) => open(checked, systemClock)))

const open = (
  checked: Checked, clock: Clock
): Effect.Effect<EventLogShape, LogUnusable | LogUnavailable, Scope.Scope> => Effect.gen(function*() {
  const ready = yield* Deferred.make<void>()
  const feeds = new Set<Feed>()
  const link = new Link(clock, makeRandom(), () => {
    if (link.failure() === null) Deferred.doneUnsafe(ready, Effect.void)
    for (const feed of feeds) feed.changed(undefined)
  })
  yield* useConnections(checked.via, link, 'jetstreamLog', `curfew log ${checked.stream}`, () => undefined).pipe(
    Effect.mapError((problem) => new LogUnusable(problem)))
  yield* Deferred.await(ready).pipe(Effect.timeoutOrElse({
    duration: connectWithin,
    orElse: () => Effect.fail(new LogUnavailable({
      message: `The log's NATS server cannot be reached: ${link.failure() ?? link.refused() ?? 'no answer'}.`
    }))
  }))
  const info = yield* openStream(link, checked)
  const stand = new Stand(checked.stream, link, clock, info)
  stand.know(info.lastSeq)
  const node = new JetstreamNode(checked, clock, link, stand, feeds)
  yield* Effect.addFinalizer(() => node.close())
  return node.shape()
})

class JetstreamNode {
  readonly #checked: Checked
  readonly #clock: Clock
  readonly #link: Link
  readonly #stand: Stand
  readonly #appends: Appends
  readonly #feeds: Set<Feed>
  readonly #troubles = new Map<Feed, string>()
  #headFailure: string | null = null
  #replicas = 0
  #open = true

  constructor(checked: Checked, clock: Clock, link: Link, stand: Stand, feeds: Set<Feed>) {
    this.#checked = checked
    this.#clock = clock
    this.#link = link
    this.#stand = stand
    this.#feeds = feeds
    this.#appends = new Appends(link, stand, checked.subject)
  }

  shape(): EventLogShape {
    return {
      append: (events) => this.#whileOpen(() =>
        events.length === 0 ? Effect.succeed({ position: start }) : this.#appends.append(events)),
      read: (from) => Stream.unwrap(Effect.flatMap(this.#whileOpen(() => this.#head()), ({ lastSeq }) =>
        Effect.map(this.#feed(from, lastSeq), (feed) => pages(null, () => feed.takeSome)))),
      tail: (from) => Stream.unwrap(Effect.map(this.#whileOpen(() => this.#feed(from, Infinity)), (feed) =>
        follow(null, () => feed.take(), feed.bell))),
      head: this.#whileOpen(() => Effect.map(this.#head(), ({ messages, lastSeq }) =>
        // Where all has aged nothing will be delivered any more that would lead there.
        messages === 0 ? position([0]) : behind(lastSeq))),
      // The server pushes.
      ring: () => undefined,
      retentionMs: this.#checked.retentionMs,
      status: () => this.#status()
    }
  }

  /** What has no answer yet may get it; then all who wait are told. */
  close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#open = false
      for (const feed of this.#feeds) feed.changed(closed)
      const until = this.#clock.monotonic() + closeMsMax
      const wait: Effect.Effect<void> = Effect.suspend(() =>
        this.#link.waiting() === 0 || this.#link.failure() !== null || this.#clock.monotonic() >= until
          ? Effect.void
          : Effect.delay(wait, closeStepMs))
      return wait
    })
  }

  #whileOpen<A, E, R>(f: () => Effect.Effect<A, E, R>): Effect.Effect<A, E | LogUnavailable, R> {
    return Effect.suspend((): Effect.Effect<A, E | LogUnavailable, R> => this.#open ? f() : Effect.fail(closed))
  }

  #head() {
    return this.#stand.head.pipe(
      Effect.tap(({ followers }) => Effect.sync(() => {
        this.#headFailure = null
        this.#replicas = followers.length + 1
      })),
      Effect.mapError((problem) => {
        this.#headFailure = problem.message
        return asUnavailable(problem)
      }))
  }

  /** What stands behind a place, up to the message with this number. */
  #feed(from: Position, last: number): Effect.Effect<Feed, never, Scope.Scope> {
    return Effect.suspend(() => {
      const feed: Feed = new Feed({
        link: this.#link, stand: this.#stand, clock: this.#clock,
        onTrouble: (trouble) => {
          if (trouble === null) this.#troubles.delete(feed)
          else this.#troubles.set(feed, trouble.message)
        }
      }, from, last)
      this.#feeds.add(feed)
      const forget = Effect.sync(() => {
        this.#feeds.delete(feed)
        this.#troubles.delete(feed)
      })
      return Effect.addFinalizer(() => forget).pipe(Effect.andThen(feed.run), Effect.as(feed))
    })
  }

  #status(): LogStatus {
    const { server_name: server, version, cluster } = this.#link.server()
    const [trouble] = this.#troubles.values()
    return {
      kind: 'jetstream',
      failure: this.#stand.damage()?.message ?? this.#link.failure() ?? this.#appends.failure() ?? this.#headFailure
        ?? trouble ?? null,
      details: {
        stream: this.#checked.stream, subject: this.#checked.subject, replicas: this.#replicas,
        waiting: this.#link.waiting(),
        ...(server === undefined ? {} : { server }), ...(version === undefined ? {} : { version }),
        ...(cluster === undefined ? {} : { natsCluster: cluster })
      }
    }
  }
}

const asUnavailable = (problem: Trouble | LogDamaged): LogUnavailable =>
  '_tag' in problem ? new LogUnavailable({ message: problem.message, cause: problem }) : unavailable(problem)
