import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import * as Stream from 'effect/Stream'
import { systemClock, type Clock } from '../clock.ts'
import { InvalidOptions, type LogUnavailable, type LogUnusable } from '../errors.ts'
import { Bell } from './bell.ts'
import { encodeText } from './codec.ts'
import { follow, pages } from './follow.ts'
import { EventLog, type EventLogShape } from './port.ts'
import { position, start } from './position.ts'
import { Appender } from './sqlite/appender.ts'
import { checkOptions, type SqliteLogOptions } from './sqlite/options.ts'
import { closed, openError, unavailable } from './sqlite/problem.ts'
import { cursorAt, Reader } from './sqlite/reader.ts'

export type { SqliteLogOptions } from './sqlite/options.ts'
export { verifyLog, type Verification } from './sqlite/verify.ts'

/** How often a waiting tail asks the file whether another process has appended, ms. Asking costs about 3 us. */
export const pollMs = 10

/**
 * A log in one SQLite file on a local disk, for any number of processes of one host.
 *
 * Durable: an append that succeeded survives the death of the process and, as far as the disk honours fsync, of power.
 * Appends that meet share a commit. What another process appends arrives at the doorbell, or within `pollMs`.
 * Tamper-evident: every record is hashed with the one before it, and every read checks that.
 */
export const sqliteLog = (
  options: SqliteLogOptions = {}
): Layer.Layer<EventLog, LogUnusable | LogUnavailable | InvalidOptions> => {
  const checked = checkOptions(options)
  return checked instanceof InvalidOptions
    ? Layer.effect(EventLog, Effect.fail(checked))
    : Layer.effect(EventLog, open(checked, systemClock))
}

const open = Effect.fnUntraced(function*(path: string, clock: Clock) {
  const node = yield* Effect.acquireRelease(Effect.sync(() => new SqliteNode(path, clock)), (node) => node.close())
  yield* node.open()
  return node.shape()
})

class SqliteNode {
  readonly #path: string
  readonly #clock: Clock
  readonly #appender: Appender
  readonly #reader: Reader
  readonly #bell = new Bell((waiting) => this.#poll(waiting))
  #stopPolling: () => void = () => undefined
  #version: number | undefined
  #open = true

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
    this.#appender = new Appender(path, clock, (own) => {
      this.#reader.remember(own)
      this.#bell.ring()
    })
    this.#reader = new Reader(path)
  }

  open(): Effect.Effect<void, LogUnusable | LogUnavailable> {
    return this.#appender.open().pipe(
      Effect.flatMap((file) => {
        const problem = this.#reader.open(file)
        return problem === undefined ? Effect.void : Effect.fail(problem)
      }),
      Effect.mapError(openError)
    )
  }

  /** The reader first: the last one to close runs the last checkpoint, and that is the writer's. */
  close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#open = false
      this.#bell.ring()
      this.#stopPolling()
      this.#reader.close()
      return this.#appender.close()
    })
  }

  shape(): EventLogShape {
    return {
      append: (events) => this.#whileOpen(() => {
        if (events.length === 0) return Effect.succeed({ position: start })
        const bodies = events.map(encodeText)
        return Effect.map(this.#appender.append(bodies), (first) => ({ position: position([first - 1 + bodies.length]) }))
      }),
      read: (from) => Stream.unwrap(Effect.map(this.#whileOpen(() => this.#reader.bound()), (bound) =>
        pages(cursorAt(from), (cursor) => this.#whileOpen(() => this.#reader.page(cursor, bound))))),
      tail: (from) => follow(
        cursorAt(from), (cursor) => this.#whileOpen(() => this.#reader.page(cursor, Infinity)), this.#bell),
      head: this.#whileOpen(() => Effect.map(this.#reader.last(), (last) => position([last]))),
      ring: () => this.#bell.ring(),
      status: () => ({
        kind: 'sqlite',
        failure: (this.#appender.failure() ?? this.#reader.failure())?.message ?? null,
        details: { path: this.#path, waiting: this.#appender.waiting() }
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
