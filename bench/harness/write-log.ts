import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import type { DomainEvent } from '../../core/domain/events.ts'
import type { OpenOptions } from '../../consumers/node.ts'
import { EventLog, type EventLogShape } from '../../core/log/port.ts'
import { sqliteLog } from '../../core/log/sqlite.ts'
import type { Progress } from './progress.ts'

type Log = NonNullable<OpenOptions['log']>

/** Runs `use` with this log, or with the library's own on this file, and closes it. */
export const withLog = <A>(log: string | Log, use: (log: EventLogShape) => Promise<A>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Layer.build(typeof log === 'string' ? sqliteLog({ path: log }) : log).pipe(
    Effect.flatMap((context) => Effect.promise(() => use(Context.get(context, EventLog)))))))

/** Appends all that `next` gives until it gives nothing more. Resolves with how many there were. */
export const writeLog = (
  log: string | Log, expected: number, next: () => DomainEvent | undefined, progress: Progress, perAppend = 2_000
): Promise<number> =>
  withLog(log, async (log) => {
    progress.begin(`writing ${expected.toLocaleString('en-US')} records`, expected)
    let written = 0
    for (;;) {
      const events: DomainEvent[] = []
      while (events.length < perAppend) {
        const event = next()
        if (event === undefined) break
        events.push(event)
      }
      if (events.length === 0) break
      await Effect.runPromise(log.append(events))
      written += events.length
      progress.step(events.length)
    }
    progress.end()
    return written
  })
