import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import * as Stream from 'effect/Stream'
import { systemClock, type Clock } from '../clock.ts'
import type { InvalidOptions, LogUnavailable, LogUnusable } from '../errors.ts'
import { revealed } from '../secret.ts'
import { Bell } from './bell.ts'
import { encodeText } from './codec.ts'
import { follow, pages } from './follow.ts'
import { EventLog, type EventLogShape } from './port.ts'
import { position, start } from './position.ts'
import { Ahead } from './sqlite/ahead.ts'
import { Appends } from './sqlite/appends.ts'
import { checkOptions, type SqliteLogOptions, type SqliteSettings } from './sqlite/options.ts'
import { closed, openError, unavailable } from './sqlite/problem.ts'
import { cursorAt, Reader } from './sqlite/reader.ts'
import { Retention } from './sqlite/retention.ts'
import { LogThread } from './sqlite/thread.ts'

export type { SqliteLogOptions } from './sqlite/options.ts'
export { verifyLog, type Verification, type VerifyOptions } from './sqlite/verify.ts'

/** How often a waiting tail asks the file whether another process has appended, ms. Asking costs about 3 us. */
export const pollMs = 10

/**
 * A log in one SQLite file on a local disk, for any number of processes of one host.
 *
 * Durable: an append that succeeded survives the death of the process and, as far as the disk honours fsync, of power.
 * Appends that meet share a commit. Another process's lock is waited for, 2 s a commit, without holding up this one.
 * What another process appends arrives at the doorbell, or within `pollMs`.
 *
 * Tamper-evident: every record is hashed with the one before it, and everything that is read was checked, in a replay
 * too: there that costs 0.7 us a record (a sixth of the time), on the log's own thread, beside the decoding.
 * A record whose hash fits is delivered even if this version cannot read it: as `Unreadable`, at which the fold fails
 * closed.
 */
export const sqliteLog = (
  options: SqliteLogOptions = {}
): Layer.Layer<EventLog, LogUnusable | LogUnavailable | InvalidOptions> =>
  Layer.effect(EventLog, Effect.flatMap(revealed(options, checkOptions), (checked) => open(checked, systemClock)))

const open = Effect.fnUntraced(function*(settings: SqliteSettings, clock: Clock) {
  const node = yield* Effect.acquireRelease(Effect.sync(() => new SqliteNode(settings, clock)), (node) => node.close())
  yield* node.open()
  return node.shape()
})

class SqliteNode {
  readonly #path: string
  readonly #clock: Clock
  readonly #thread: LogThread
  readonly #appends: Appends
  readonly #ahead: Ahead
  readonly #reader: Reader
  readonly #retention: Retention
  readonly #retentionMs: number | null
  readonly #bell = new Bell((waiting) => this.#poll(waiting))
  #stopPolling: () => void = () => undefined
  #version: number | undefined
  #open = true

  constructor({ key, path, retentionMs }: SqliteSettings, clock: Clock) {
    this.#path = path
    this.#retentionMs = retentionMs
    this.#clock = clock
    this.#thread = new LogThread(path, clock, key, {
      onCommitted: (committed) => this.#appends.stand(committed),
      onFailed: ({ appends, failure }) => this.#appends.fail(appends, failure),
      onPage: ({ page }) => this.#ahead.answer(page),
      onPruned: (done) => this.#retention.done(done),
      onLost: (problem) => {
        this.#appends.fail(Infinity, problem)
        this.#ahead.lose()
      }
    })
    const onChange = () => this.#thread.hold(this.#appends.waiting() + this.#ahead.waiting() > 0)
    this.#ahead = new Ahead(this.#thread, onChange)
    this.#reader = new Reader(path, this.#ahead)
    this.#retention = new Retention(clock, retentionMs, (request) => this.#thread.post(request))
    this.#appends = new Appends(path, this.#thread, onChange, (own) => {
      this.#reader.remember(own)
      // The tails after those who wait for the append: a revocation need not be folded to be durable.
      Effect.runFork(Effect.andThen(Effect.yieldNow, Effect.sync(() => this.#bell.ring())))
    })
  }

  open(): Effect.Effect<void, LogUnusable | LogUnavailable> {
    return this.#thread.open().pipe(
      Effect.flatMap((file) => {
        const problem = this.#reader.open(file)
        if (problem !== undefined) return Effect.fail(problem)
        this.#retention.start()
        return Effect.void
      }),
      Effect.mapError(openError)
    )
  }

  /** The reader first: the last one to close runs the last checkpoint, and that is the thread's. */
  close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#open = false
      this.#bell.ring()
      this.#stopPolling()
      this.#retention.stop()
      this.#reader.close()
      this.#appends.send()
      return this.#thread.close()
    })
  }

  shape(): EventLogShape {
    return {
      append: (events) => this.#whileOpen(() => {
        if (events.length === 0) return Effect.succeed({ position: start })
        const records = events.map(encodeText)
        return Effect.map(this.#appends.append(records), (first) =>
          ({ position: position([first - 1 + records.length]) }))
      }),
      read: (from) => Stream.unwrap(Effect.map(this.#whileOpen(() => this.#reader.bound()), (bound) =>
        pages(cursorAt(from), (cursor) => this.#whileOpen(() => this.#reader.page(cursor, bound))))),
      tail: (from) => follow(
        cursorAt(from), (cursor) => this.#whileOpen(() => this.#reader.page(cursor, Infinity)), this.#bell),
      head: this.#whileOpen(() => Effect.map(this.#reader.last(), (last) => position([last]))),
      ring: () => this.#bell.ring(),
      retentionMs: this.#retentionMs,
      status: () => ({
        kind: 'sqlite',
        failure: (this.#appends.failure() ?? this.#reader.failure() ?? this.#retention.failure())?.message ?? null,
        details: { path: this.#path, waiting: this.#appends.waiting(), pruned: this.#retention.pruned() }
      })
    }
  }

  #whileOpen<A, E>(f: () => Effect.Effect<A, E>): Effect.Effect<A, E | LogUnavailable> {
    return Effect.suspend((): Effect.Effect<A, E | LogUnavailable> => this.#open
      ? f()
      : Effect.fail(unavailable(closed(this.#path))))
  }

  /** While tails wait, asks for the appends of other processes. A file that cannot be asked is the tails' to report. */
  #poll(waiting: boolean): void {
    this.#stopPolling()
    if (!waiting || !this.#open) return
    this.#stopPolling = this.#clock.schedule(pollMs, () => {
      const version = this.#reader.version()
      if (version !== undefined && version === this.#version) return this.#poll(true)
      this.#version = version
      this.#bell.ring()
    })
  }
}
