import { systemClock } from '../../core/clock.ts'
import { WrongAnswer, type Bench, type Case, type Outcome } from '../harness/case.ts'
import { startChild } from '../harness/child.ts'
import { population } from '../harness/population.ts'
import { figure } from '../harness/report.ts'
import { writeLog } from '../harness/write-log.ts'

/**
 * Resident memory per session: of a process of its own, after collecting garbage, with a node open on a SQLite log of
 * that many starts, less the same process's with a node open on an empty log. Subjects of 16 characters, all different;
 * no tenant, device or attributes. All that the node needs is in it: the table with the room that it keeps free, the
 * strings, SQLite's cache. Before both, the engine's nursery is brought to its full size, as in any process that works;
 * `bytes-per-session-from-quiet` counts it in. `index-bytes-per-session` is what the index itself counts.
 */
export type MemoryProtocol = {
  readonly measure: readonly [{ readonly empty: string; readonly full: string }, Measured]
}
/** Resident bytes: of the process that has done nothing yet, with its nursery grown, and with all sessions. */
interface Measured {
  readonly quiet: number
  readonly before: number
  readonly after: number
  /** What the node itself counts. */
  readonly live: number
  readonly bytes: number
}

const run = async (bench: Bench): Promise<Outcome> => {
  const count = bench.sessions(1_000_000)
  const people = population(count, systemClock.wall() - 2_000)
  const full = `${bench.directory}/full.db`
  let next = 0
  await writeLog(full, count, () => next < count ? people.started(next++) : undefined, bench.progress)
  const perSession: number[] = []
  const fromQuiet: number[] = []
  const counted: number[] = []
  const rounds = bench.rounds(3)
  bench.progress.begin('opening nodes on it', rounds)
  for (let round = 0; round < rounds; round++) {
    const child = startChild<MemoryProtocol>(new URL('../children/memory.ts', import.meta.url), ['--expose-gc'])
    try {
      const empty = `${bench.directory}/empty-${round}.db`
      const { quiet, before, after, live, bytes } = await child.ask('measure', { empty, full })
      if (live !== count) throw new WrongAnswer(`the node knows ${live} live sessions where ${count} were started`)
      perSession.push((after - before) / count)
      fromQuiet.push((after - quiet) / count)
      counted.push(bytes / count)
    } finally {
      await child.stop()
    }
    bench.progress.step()
  }
  return {
    figures: [
      figure('bytes-per-session', 'bytes', perSession), figure('bytes-per-session-from-quiet', 'bytes', fromQuiet),
      figure('index-bytes-per-session', 'bytes', counted)
    ],
    ratios: []
  }
}

export const memoryCase: Case = {
  name: 'memory',
  line: 'resident bytes of a node per session, a million of them, subjects of 16 characters',
  reach: { 'bytes-per-session': 160 },
  run
}
