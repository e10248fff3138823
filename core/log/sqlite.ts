import { resolve } from 'node:path'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import * as Stream from 'effect/Stream'
import { systemClock, type Clock } from '../clock.ts'
import { InvalidOptions, LogUnavailable, LogUnusable } from '../errors.ts'
import { Bell } from './bell.ts'
import { encodeText } from './codec.ts'
import { follow, pages } from './follow.ts'
import { EventLog, type EventLogShape } from './port.ts'
import { position, start } from './position.ts'
import { Appender, closed, unavailable } from './sqlite/appender.ts'
import type { Failure } from './sqlite/classify.ts'
import { cursorAt, Reader } from './sqlite/reader.ts'

export interface SqliteLogOptions {
  /** The file; made where there is none, in a folder that exists. Default: 'curfew.db' in the working directory. */
  readonly path?: string
}

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

const checkOptions = (options: unknown): string | InvalidOptions => {
  if (typeof options !== 'object' || options === null) {
    return new InvalidOptions({ option: 'sqliteLog', message: "sqliteLog takes an object like { path: 'curfew.db' }, or nothing." })
  }
  for (const option of Object.keys(options)) {
    if (option !== 'path') return new InvalidOptions({ option, message: `sqliteLog has no option '${option}'; it has: path.` })
  }
  const path = 'path' in options && options.path !== undefined ? options.path : 'curfew.db'
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    return new InvalidOptions({ option: 'path', message: 'The option path must be the name of a file.' })
  }
  if (path === ':memory:' || path.startsWith('file:')) {
    return new InvalidOptions({
      option: 'path', message: 'The option path must be the name of a file, not a URI; for a log in memory use memoryLog().'
    })
  }
  // Resolved now: it stays the same file when the process changes its directory.
  return resolve(path)
}

const open = Effect.fnUntraced(function*(path: string, clock: Clock) {
  const node = yield* Effect.acquireRelease(Effect.sync(() => new SqliteNode(path, clock)), (node) => node.close())
  yield* node.open()
  return node.shape()
})

/** A file that cannot be used as it is, or one that cannot be used now. */
const openError = (problem: Failure): LogUnusable | LogUnavailable => {
  switch (problem.reason) {
    case 'busy':
    case 'full':
    case 'io':
    case 'other':
      return new LogUnavailable({ message: problem.message, cause: problem })
    default:
      return new LogUnusable({ message: problem.message, cause: problem })
  }
}

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
      read: (from) => Stream.unwrap(Effect.map(this.#whileOpen(() => this.#reader.last()), (last) =>
        pages(cursorAt(from), (cursor) => this.#whileOpen(() => this.#reader.page(cursor, last))))),
      tail: (from) => follow(
        cursorAt(from), (cursor) => this.#whileOpen(() => this.#reader.page(cursor, Number.MAX_SAFE_INTEGER)), this.#bell),
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
