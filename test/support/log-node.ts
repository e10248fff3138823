import * as Cause from 'effect/Cause'
import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Fiber from 'effect/Fiber'
import * as Layer from 'effect/Layer'
import * as Result from 'effect/Result'
import * as Schedule from 'effect/Schedule'
import * as Scope from 'effect/Scope'
import * as Stream from 'effect/Stream'
import type { DomainEvent } from '../../core/domain/events.ts'
import type { LogUnavailable } from '../../core/errors.ts'
import { EventLog, type EventLogShape, type StoredEvent } from '../../core/log/port.ts'
import type { Position } from '../../core/log/position.ts'

/** What a tail has delivered so far, and how it ended, if it did. */
export interface Following {
  readonly records: StoredEvent[]
  readonly batches: ReadonlyArray<readonly StoredEvent[]>
  /** The error that it ended with. */
  readonly error: () => unknown
  readonly stop: () => Promise<void>
}

/** One node's end of a log, as promises. */
export class LogNode {
  readonly log: EventLogShape
  readonly #scope: Scope.Closeable

  private constructor(log: EventLogShape, scope: Scope.Closeable) {
    this.log = log
    this.#scope = scope
  }

  /** Rejects with the layer's own error. */
  static async open(layer: Layer.Layer<EventLog, unknown>): Promise<LogNode> {
    const scope = Scope.makeUnsafe()
    try {
      const context = await Effect.runPromise(Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), scope))
      return new LogNode(Context.get(context, EventLog), scope)
    } catch (error) {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      throw error
    }
  }

  /**
   * As the store appends: where nobody took it because servers choose a new leader, which they may do at any time on a
   * busy machine, again. What may have been taken is not sent again.
   */
  async append(...events: readonly DomainEvent[]): Promise<Position> {
    const nobodyTookIt = ({ cause }: LogUnavailable) =>
      typeof cause === 'object' && cause !== null && 'kind' in cause && cause.kind === 'nobody'
    const retried = Effect.retry(this.log.append(events), {
      while: nobodyTookIt, schedule: Schedule.spaced('50 millis'), times: 100
    })
    return (await Effect.runPromise(retried)).position
  }

  head(): Promise<Position> {
    return Effect.runPromise(this.log.head)
  }

  /** All records behind a place. */
  async read(from: Position): Promise<readonly StoredEvent[]> {
    return (await Effect.runPromise(Stream.runCollect(this.log.read(from)))).flat()
  }

  /** Follows the log from a place. `each` is run with every batch before the next is taken. */
  follow(from: Position, each: (batch: readonly StoredEvent[]) => Promise<void> = async () => undefined): Following {
    const records: StoredEvent[] = []
    const batches: Array<readonly StoredEvent[]> = []
    let error: unknown
    const fiber = Effect.runFork(this.log.tail(from).pipe(
      Stream.runForEach((batch) => Effect.promise(async () => {
        records.push(...batch)
        batches.push(batch)
        await each(batch)
      }))
    ))
    fiber.addObserver((exit) => { error = failureOf(exit) })
    return { records, batches, error: () => error, stop: () => Effect.runPromise(Fiber.interrupt(fiber)) }
  }

  close(): Promise<void> {
    return Effect.runPromise(Scope.close(this.#scope, Exit.void))
  }
}

/** The typed failure of an effect, or undefined where it succeeded. Anything else that went wrong is thrown. */
export const failure = async (effect: Effect.Effect<unknown, unknown>): Promise<unknown> =>
  failureOf(await Effect.runPromiseExit(effect))

const failureOf = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return undefined
  const found = Cause.findError(exit.cause)
  if (Result.isSuccess(found)) return found.success
  throw Cause.squash(exit.cause)
}
