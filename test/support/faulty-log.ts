import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import * as Stream from 'effect/Stream'
import { LogUnavailable } from '../../core/errors.ts'
import { EventLog } from '../../core/log/port.ts'

/** What goes wrong between one node and its log, until it is switched back. */
export interface LogFaults {
  /** fail: nothing is written. hang: no answer, nothing written. lose-answer: it is written, and the answer lost. */
  append: 'ok' | 'fail' | 'hang' | 'lose-answer'
  /** fail: an error at once. hang: no answer. */
  head: 'ok' | 'fail' | 'hang'
  /** cut: what is appended does not arrive. */
  tail: 'ok' | 'cut'
  /** How often an answer was lost. */
  lostAnswers: number
}

export const noFaults = (): LogFaults => ({ append: 'ok', head: 'ok', tail: 'ok', lostAnswers: 0 })

const lost = new LogUnavailable({ message: 'a fault of the test' })

/** A real log, seen through a connection that fails on command. */
export const faultyLog = <E>(inner: Layer.Layer<EventLog, E>, faults: LogFaults): Layer.Layer<EventLog, E> =>
  Layer.effect(EventLog, Effect.gen(function*() {
    const log = yield* EventLog
    const whole = Effect.suspend(() => faults.tail === 'ok' ? Effect.void : Effect.sleep('5 millis')).pipe(
      Effect.repeat({ until: () => faults.tail === 'ok' }))
    return {
      ...log,
      append: (events) =>
        Effect.suspend(() => {
          switch (faults.append) {
            case 'fail':
              return Effect.fail(lost)
            case 'hang':
              return Effect.never
            case 'lose-answer':
              return Effect.andThen(log.append(events), Effect.suspend(() => {
                faults.lostAnswers++
                return Effect.fail(lost)
              }))
            case 'ok':
              return log.append(events)
          }
        }),
      head: Effect.suspend(() =>
        faults.head === 'ok' ? log.head : faults.head === 'fail' ? Effect.fail(lost) : Effect.never
      ),
      tail: (from) => log.tail(from).pipe(Stream.tap(() => whole))
    }
  })).pipe(Layer.provide(inner))
