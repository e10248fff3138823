import * as Effect from 'effect/Effect'
import * as Schedule from 'effect/Schedule'
import type { DomainEvent } from '../domain/events.ts'
import { LogUnavailable } from '../errors.ts'
import type { Position } from '../log/position.ts'
import type { Parts } from './parts.ts'

/** A write that is durable and folded by this node. */
export interface Written {
  readonly position: Position
  /** Whether the fold took its last event; if not, someone else's came first. */
  readonly applied: boolean
}

/** How an append that failed is tried again. */
export const retryEvery = Schedule.spaced('50 millis')

const tooLate = (parts: Parts, what: string) => new LogUnavailable({
  message: `${what} within ${parts.settings.writeTimeoutMs} ms (option writeTimeout). `
    + 'It may yet come to stand. Look at health().log, then read the session again before you retry.'
})

/** Nothing to write holds already. Otherwise appends until the log answers, with the same command ids each time, and waits until this node has folded it. */
export const write = (parts: Parts, events: readonly DomainEvent[]): Effect.Effect<Written, LogUnavailable> =>
  Effect.suspend(() => {
    const last = events.at(-1)
    if (last === undefined) return Effect.succeed({ position: parts.barrier.position(), applied: true })
    const expectation = parts.barrier.expect(last)
    return parts.log.append(events).pipe(
      Effect.retry(retryEvery),
      Effect.tap(({ position }) => Effect.sync(() => announce(parts, position))),
      Effect.tap(({ position }) => parts.barrier.reached(position)),
      Effect.map(({ position }) => ({ position, applied: expectation.applied() })),
      Effect.timeoutOrElse({
        duration: parts.settings.writeTimeoutMs,
        orElse: () => Effect.fail(tooLate(parts, 'The log did not take the write'))
      }),
      Effect.ensuring(Effect.sync(expectation.release))
    )
  })

/** The doorbell, here and on the other nodes. */
export const announce = (parts: Parts, position: Position): void => {
  parts.log.ring()
  parts.broadcast?.publish({ kind: 'news', position })
}
