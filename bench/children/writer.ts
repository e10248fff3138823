import { setTimeout as sleep } from 'node:timers/promises'
import * as Effect from 'effect/Effect'
import { systemClock } from '../../core/clock.ts'
import type { WriterProtocol } from '../cases/loop-delay.ts'
import { serve } from '../harness/child.ts'
import { history, type History } from '../harness/history.ts'
import { elapsedNs, nanoseconds } from '../harness/machine.ts'
import { population } from '../harness/population.ts'
import { withLog } from '../harness/write-log.ts'

/** An append every so often: what a cluster of busy nodes puts into the log, in the groups that their commits have. */
const everyMs = 10

let life: History | undefined

/** Appends at a steady rate: late by one interval, it writes more in the next. */
const write = (
  path: string, perSecond: number, seconds: number
): Promise<{ readonly written: number; readonly seconds: number }> =>
  withLog(path, async (log) => {
    const strangers = population(50_000_000, systemClock.wall(), 9)
    const events = life ??= history(strangers, () => Math.floor(systemClock.wall()), 9)
    const began = nanoseconds()
    let written = 0
    for (;;) {
      const elapsed = elapsedNs(began) / 1e9
      if (elapsed >= seconds) return { written, seconds: elapsed }
      const due = Math.floor(elapsed * perSecond) - written
      if (due > 0) {
        const batch = Array.from({ length: Math.min(due, perSecond / 20) }, () => events.next()!)
        await Effect.runPromise(log.append(batch))
        written += batch.length
      }
      await sleep(everyMs)
    }
  })

serve<WriterProtocol>({ write: ({ path, perSecond, seconds }) => write(path, perSecond, seconds) }, () => {})
