import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Option from 'effect/Option'
import * as Schedule from 'effect/Schedule'
import type { DomainEvent } from '../domain/events.ts'
import { LogUnavailable } from '../errors.ts'
import type { EventLogShape } from '../log/port.ts'
import type { Position } from '../log/position.ts'
import type { Barrier } from './barrier.ts'
import type { BroadcastShape } from './broadcast.ts'
import type { Parts } from './parts.ts'

/** A write that is durable and folded by this node. */
export interface Written {
  /** A node that has applied the log up to here has applied it. */
  readonly position: Position
  /** Whether the fold took its last event; if not, someone else's came first. */
  readonly applied: boolean
}

interface Entry {
  readonly events: readonly DomainEvent[]
  readonly onDurable: (position: Position) => void
  readonly onFolded: () => void
  readonly onFailed: (error: LogUnavailable) => void
}

/** A crowd goes in appends of so many, so that the log can begin with the first while the others are being decided. */
const portion = 32

const retryEvery = Schedule.spaced('50 millis')

/** What the writes of a node need of it. */
export interface WritesParts {
  readonly log: EventLogShape
  readonly barrier: Barrier
  readonly broadcast: BroadcastShape | null
  readonly timeoutMs: number
  /** Runs an effect beside the caller, until the node closes. */
  readonly run: (effect: Effect.Effect<void>) => void
}

/**
 * The way of this node's commands into the log. Writes of one tick share an append, so that the machinery of retries and
 * timeouts is paid for once for all of them; the log may join further appends into one commit.
 */
export class Writes {
  readonly #parts: WritesParts
  #unsent: Entry[] = []

  constructor(parts: WritesParts) {
    this.#parts = parts
  }

  /** Durable, and folded by this node; with what the fold made of the last event. */
  write(events: readonly DomainEvent[]): Effect.Effect<Written, LogUnavailable> {
    const last = events.at(-1)
    if (last === undefined) return Effect.succeed({ position: this.#parts.barrier.position(), applied: true })
    return Effect.suspend(() => {
      const expectation = this.#parts.barrier.expect(last)
      return this.fold(events).pipe(
        Effect.map((position) => ({ position, applied: expectation.applied() })),
        Effect.ensuring(Effect.sync(() => expectation.release())))
    })
  }

  /** Durable, and folded by this node; for whoever sees by himself what the fold made of it. */
  fold(events: readonly DomainEvent[]): Effect.Effect<Position, LogUnavailable> {
    return Effect.callback((resume) => {
      let durableAt: Position
      this.#submit({
        events,
        onDurable: (position) => { durableAt = position },
        onFolded: () => resume(Effect.succeed(durableAt)),
        onFailed: (error) => resume(Effect.fail(error))
      })
    })
  }

  /** Durable. */
  append(events: readonly DomainEvent[]): Effect.Effect<Position, LogUnavailable> {
    return Effect.callback((resume) => this.#submit({
      events,
      onDurable: (position) => resume(Effect.succeed(position)),
      onFolded: () => {},
      onFailed: (error) => resume(Effect.fail(error))
    }))
  }

  #submit(entry: Entry): void {
    const waiting = this.#unsent.push(entry)
    if (waiting === 1) queueMicrotask(() => this.#send())
    else if (waiting === portion) this.#send()
  }

  #send(): void {
    const { barrier, broadcast, log, run, timeoutMs } = this.#parts
    const entries = this.#unsent
    if (entries.length === 0) return
    this.#unsent = []
    const events = entries.length === 1 ? entries[0]!.events : entries.flatMap((entry) => entry.events)
    run(log.append(events).pipe(
      Effect.retry(retryEvery),
      Effect.tap(({ position }) => Effect.sync(() => {
        announce(broadcast, position)
        for (const entry of entries) entry.onDurable(position)
      })),
      Effect.flatMap(({ position }) => barrier.reached(position)),
      Effect.timeoutOrElse({ duration: timeoutMs, orElse: () => Effect.fail(tooLate(timeoutMs)) }),
      // However it ends, everybody is told: a defect or the closing of the node leaves nobody waiting.
      Effect.onExit((exit) => Effect.sync(() => {
        if (Exit.isSuccess(exit)) for (const entry of entries) entry.onFolded()
        else for (const entry of entries) entry.onFailed(failureOf(exit.cause))
      })),
      Effect.ignoreCause
    ))
  }
}

const tooLate = (timeoutMs: number) => new LogUnavailable({
  message: `The log did not take the write within ${timeoutMs} ms (option writeTimeout). `
    + 'It may yet come to stand. Look at health().log, then read the session again before you retry.'
})
const failureOf = (cause: Cause.Cause<LogUnavailable>): LogUnavailable => {
  const typed = Cause.findErrorOption(cause)
  if (Option.isSome(typed)) return typed.value
  return Cause.hasInterruptsOnly(cause)
    ? closing
    : new LogUnavailable({ message: 'The log could not take what was to be written.', cause: Cause.squash(cause) })
}

const closing = new LogUnavailable({ message: 'The session store was closed before the log had answered.' })

/** Rings the doorbell of the other nodes. The log has rung its own. */
export const announce = (broadcast: BroadcastShape | null, position: Position): void => {
  broadcast?.publish({ kind: 'news', position })
}

/** Durable, and folded by this node. Nothing to write holds already. */
export const write = (parts: Parts, events: readonly DomainEvent[]): Effect.Effect<Written, LogUnavailable> =>
  parts.writes.write(events)
