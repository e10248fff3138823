import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../core/clock.ts'
import { encodeText } from '../../core/log/codec.ts'
import { Commits } from '../../core/log/sqlite/commits.ts'
import type { WriterProtocol } from '../cases/loop-delay.ts'
import { serve } from '../harness/child.ts'
import { history } from '../harness/history.ts'
import { elapsedNs, nanoseconds } from '../harness/machine.ts'
import { population } from '../harness/population.ts'

/** A commit every so often: what a cluster of busy nodes puts into the log, in the groups that their commits have. */
const everyMs = 10
/** After a pause it catches up, but not in one commit. */
const commitMost = 2_500

const strangers = population(50_000_000, systemClock.wall(), 9)
const life = history(strangers, () => Math.floor(systemClock.wall()), 9)
let texts: readonly string[] = []

const prepare = (count: number): null => {
  texts = Array.from({ length: count }, () => encodeText(life.next()!))
  return null
}

/**
 * Writes what was prepared at a steady rate, with the code of the log's own writer, but on this thread and made ready
 * before: so that the writing takes as little as can be of the processors that the measured node needs.
 */
const write = async (path: string, perSecond: number): Promise<WriterProtocol['write'][1]> => {
  const commits = new Commits(path, undefined, undefined)
  const opening = commits.open()
  if (opening.kind === 'refused') throw new Error(opening.failure.message)
  const began = nanoseconds()
  let written = 0
  while (written < texts.length) {
    const due = Math.min(texts.length, Math.floor(elapsedNs(began) / 1e9 * perSecond)) - written
    if (due > 0) {
      const batch = texts.slice(written, written + Math.min(due, commitMost))
      commits.commit([batch], (answer) => { if ('failure' in answer) throw new Error(answer.failure.message) })
      written += batch.length
    }
    await sleep(everyMs)
  }
  commits.close()
  return { written, seconds: elapsedNs(began) / 1e9 }
}

serve<WriterProtocol>({
  prepare: ({ count }) => prepare(count),
  write: ({ path, perSecond }) => write(path, perSecond)
}, () => {})
