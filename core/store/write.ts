import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import type * as Fiber from 'effect/Fiber'
import * as Option from 'effect/Option'
import type { DomainEvent } from '../domain/events.ts'
import { LogUnavailable } from '../errors.ts'
import type { Appended, EventLogShape } from '../log/port.ts'
import type { Position } from '../log/position.ts'
import type { Barrier } from './barrier.ts'
import type { BroadcastShape } from './broadcast.ts'
import { isBehindSeal } from './log-move.ts'
import type { Parts } from './parts.ts'
import type { SessionIndex } from './ports.ts'
import { logSealed } from './sealed.ts'
import type { TrustedTime } from './trusted-time.ts'

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

/** Before the first retry, ms; twice as long before each further one, up to the most. */
const retryMs = 50
const retryMsMax = 400

/** What the writes of a node need of it. */
export interface WritesParts {
  readonly log: EventLogShape
  readonly barrier: Barrier
  readonly broadcast: BroadcastShape | null
  readonly time: TrustedTime
  readonly timeoutMs: number
  readonly index: Pick<SessionIndex, 'move'>
  /** Whether nothing counts as durable before it was folded: for a log that may be sealed at any moment. */
  readonly isMoving: boolean
  /** Runs an effect beside the caller, until the node closes; then it is interrupted. */
  readonly run: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
}

/**
 * The way of this node's commands into the log. Writes of one tick share an append, so that the machinery of retries and
 * timeouts is paid for once for all of them; the log may join further appends into one commit.
 */
export class Writes {
  readonly #parts: WritesParts
  readonly #batches = new Set<Batch>()
  #unsent: Entry[] = []

  constructor(parts: WritesParts) {
    this.#parts = parts
  }

  /** What has no answer yet fails. */
  close(): void {
    this.#send()
    for (const batch of [...this.#batches]) batch.fail(closing)
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
    const entries = this.#unsent
    if (entries.length === 0) return
    this.#unsent = []
    new Batch(this.#parts, entries, this.#batches).start()
  }
}

/** Entries that are appended together. However it ends, everybody is told, once: nobody is left waiting. */
class Batch {
  readonly #parts: WritesParts
  readonly #entries: readonly Entry[]
  readonly #events: readonly DomainEvent[]
  readonly #open: Set<Batch>
  #callOff: () => void = () => {}
  #over = false
  #retryMs = retryMs
  #attempt: Fiber.Fiber<Appended, LogUnavailable> | undefined

  /** Stands in `open` from its start to its end. */
  constructor(parts: WritesParts, entries: readonly Entry[], open: Set<Batch>) {
    this.#parts = parts
    this.#entries = entries
    this.#events = entries.length === 1 ? entries[0]!.events : entries.flatMap(({ events }) => events)
    this.#open = open
  }

  start(): void {
    const { log, time, timeoutMs } = this.#parts
    this.#open.add(this)
    this.#callOff = time.schedule(timeoutMs, () => this.fail(tooLate(timeoutMs)))
    this.#try(log.append(this.#events))
  }

  fail(error: LogUnavailable): void {
    if (this.#over) return
    this.#end()
    this.#attempt?.interruptUnsafe()
    for (const entry of this.#entries) entry.onFailed(error)
  }

  #try(append: Effect.Effect<Appended, LogUnavailable>): void {
    if (this.#over) return
    this.#attempt = this.#parts.run(append)
    this.#attempt.addObserver((exit) => {
      if (this.#over) return
      if (Exit.isSuccess(exit)) return this.#stands(exit.value.position)
      if (!Cause.hasFails(exit.cause)) return this.fail(failureOf(exit.cause))
      this.#try(Effect.delay(this.#parts.log.append(this.#events), this.#retryMs))
      this.#retryMs = Math.min(this.#retryMs * 2, retryMsMax)
    })
  }

  #stands(position: Position): void {
    const { index, isMoving } = this.#parts
    if (!isMoving) for (const entry of this.#entries) entry.onDurable(position)
    // After those who wait for the write: to tell the others takes as long as all that is left to do for it here.
    this.#parts.run(Effect.andThen(Effect.yieldNow, Effect.sync(() => announce(this.#parts.broadcast, position))))
    this.#parts.barrier.whenReached(position, () => {
      if (this.#over) return
      const move = index.move()
      if (isBehindSeal(move, position)) return this.fail(logSealed(move.sealedTo ?? ''))
      this.#end()
      if (isMoving) for (const entry of this.#entries) entry.onDurable(position)
      for (const entry of this.#entries) entry.onFolded()
    })
  }

  #end(): void {
    this.#over = true
    this.#open.delete(this)
    this.#callOff()
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
