import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import * as Stream from 'effect/Stream'
import { LogUnavailable } from '../../core/errors.ts'
import { EventLog } from '../../core/log/port.ts'

/** What is to befall a process, counted in the calls that it makes to its logs. */
export interface Fate {
  /** So many calls are left to it; then it is dead. The last append may have come to stand. */
  calls: number
  lastStands: boolean
  /** Each call of these numbers (counted down to 0) fails once, as one whose answer was lost, or one that was not sent. */
  readonly failing: ReadonlySet<number>
}

export class Killed extends Error {
  override readonly name = 'Killed'
}

const lost = new LogUnavailable({ message: 'a fault of the test' })

/** A real log, in the hands of a process that does not live for ever. */
export const mortalLog = <E>(inner: Layer.Layer<EventLog, E>, fate: Fate): Layer.Layer<EventLog, E> =>
  Layer.effect(EventLog, Effect.gen(function*() {
    const log = yield* EventLog
    const step = <A, X>(call: Effect.Effect<A, X>): Effect.Effect<A, X | LogUnavailable> => Effect.suspend(() => {
      if (fate.calls <= 0) return Effect.die(new Killed())
      const isLast = --fate.calls === 0
      if (isLast) return fate.lastStands ? Effect.andThen(call, Effect.die(new Killed())) : Effect.die(new Killed())
      if (!fate.failing.has(fate.calls)) return call
      return fate.lastStands ? Effect.andThen(call, Effect.fail(lost)) : Effect.fail(lost)
    })
    return {
      ...log,
      append: (events) => step(log.append(events)),
      head: step(log.head),
      read: (from) => log.read(from).pipe(Stream.mapEffect((batch) => step(Effect.succeed(batch))))
    }
  })).pipe(Layer.provide(inner))
