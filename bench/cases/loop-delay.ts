import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../core/clock.ts'
import { openSessions, sqliteLog, type Sessions } from '../../index.ts'
import { WrongAnswer, type Bench, type Case, type Outcome } from '../harness/case.ts'
import { chance } from '../harness/chance.ts'
import { startChild, type Child } from '../harness/child.ts'
import { population, type Population } from '../harness/population.ts'
import { figure } from '../harness/report.ts'
import { quantile } from '../harness/stats.ts'
import { writeLog } from '../harness/write-log.ts'

/**
 * How long the event loop of a node keeps others waiting: it holds a million sessions, folds 50,000 events a second,
 * which another process writes into the same SQLite log, and validates tokens between them.
 *
 * `loop-delay-ms` is the p99.9 of Node's own monitorEventLoopDelay at its finest resolution, 1 ms, and includes that:
 * an idle loop shows about 1.1. Its samples are taken when the loop comes round, so one long pause is one sample; so
 * `loop-delay-by-the-ms` weighs every pause by its length: what a request that arrives at any moment waits at most, 999
 * times of 1,000. `loop-busy-ms` is the p99.9 of the processor time that the node's own thread took between two turns:
 * where it is much less, it was the machine that was busy with something else. `folded-per-second` below 50,000 says
 * that the node (or, by `written-per-second`, the writer) did not keep up.
 */
export type WriterProtocol = {
  /** Makes so many records ready. */
  readonly prepare: readonly [{ readonly count: number }, null]
  /** Writes them. */
  readonly write: readonly [
    { readonly path: string; readonly perSecond: number }, { readonly written: number; readonly seconds: number }
  ]
}

const eventsPerSecond = 50_000
/** So long the writer runs before the measuring begins, and after it has ended. */
const asideS = 0.5
const validationsPerMs = 20

/** Every millisecond of every pause: how long a request that came then still had to wait. */
const waits = (pauses: readonly number[]): number[] =>
  pauses.flatMap((ms) => Array.from({ length: Math.max(1, Math.floor(ms)) }, (_, i) => ms - i))

interface Load {
  readonly stop: () => {
    readonly asked: number
    readonly valid: number
    /** Between two turns of the loop, ms: by the clock, and by the processor time of this thread. */
    readonly pauses: readonly number[]
    readonly busy: readonly number[]
  }
}

const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

/** Validates at a steady rate, and notes how long the loop was away between two of its turns. */
const startLoad = (sessions: Sessions, people: Population): Load => {
  const among = chance(77)
  const tokens = Array.from({ length: Math.min(people.size, 50_000) }, () => people.token(among.below(people.size)))
  const pauses: number[] = []
  const busy: number[] = []
  let asked = 0
  let valid = 0
  let last = performance.now()
  let lastBusy = threadMs()
  const timer = setInterval(() => {
    const now = performance.now()
    const away = now - last
    last = now
    pauses.push(away)
    const used = threadMs()
    busy.push(used - lastBusy)
    lastBusy = used
    for (let due = Math.min(1_000, Math.round(away * validationsPerMs)); due > 0; due--) {
      if (sessions.validate(tokens[asked++ % tokens.length]!).ok) valid++
    }
  }, 1)
  return {
    stop: () => {
      clearInterval(timer)
      return { asked, valid, pauses, busy }
    }
  }
}

interface Round {
  readonly p999: number
  readonly byTheMs: number
  readonly busy: number
  readonly longest: number
  readonly folded: number
  readonly written: number
}

const measure = async (
  sessions: Sessions, people: Population, writer: Child<WriterProtocol>, path: string, seconds: number
): Promise<Round> => {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const folded = (): number => sessions.health().position.reduce((sum, count) => sum + count, 0)
  // Some time before and after: the writer reaches its rate, and is not done before the measuring is.
  await writer.ask('prepare', { count: Math.floor(eventsPerSecond * (seconds + 2 * asideS)) })
  const writing = writer.ask('write', { path, perSecond: eventsPerSecond })
  await sleep(asideS * 1_000)
  const before = folded()
  const began = performance.now()
  const load = startLoad(sessions, people)
  delay.enable()
  await sleep(seconds * 1_000)
  delay.disable()
  const perSecond = (folded() - before) / ((performance.now() - began) / 1_000)
  const { asked, valid, pauses, busy } = load.stop()
  if (valid !== asked) throw new WrongAnswer(`${asked - valid} of ${asked} good tokens were refused under load`)
  const { written, seconds: took } = await writing
  return {
    p999: delay.percentile(99.9) / 1e6, byTheMs: quantile(waits(pauses), 0.999), busy: quantile(busy, 0.999),
    longest: delay.max / 1e6, folded: perSecond, written: written / took
  }
}

const run = async (bench: Bench): Promise<Outcome> => {
  const count = bench.sessions(1_000_000)
  const people = population(count, systemClock.wall() - 2_000)
  const path = `${bench.directory}/sessions.db`
  let next = 0
  await writeLog(path, count, () => next < count ? people.started(next++) : undefined, bench.progress)
  // A node that does not keep up is told by `folded-per-second`, not by refusals.
  const sessions = await openSessions({ log: sqliteLog({ path }), node: 'bench', maxStaleness: '10 minutes' })
  const writer = startChild<WriterProtocol>(new URL('../children/writer.ts', import.meta.url))
  const rounds: Round[] = []
  try {
    bench.progress.begin('folding and validating', bench.rounds(3))
    for (let round = 0; round < bench.rounds(3); round++) {
      rounds.push(await measure(sessions, people, writer, path, bench.size(10, 0.2)))
      bench.progress.step()
    }
  } finally {
    await writer.stop()
    await sessions.close()
  }
  return {
    figures: [
      figure('loop-delay-ms', 'ms', rounds.map(({ p999 }) => p999)),
      figure('loop-delay-by-the-ms', 'ms', rounds.map(({ byTheMs }) => byTheMs)),
      figure('loop-busy-ms', 'ms', rounds.map(({ busy }) => busy)),
      figure('loop-delay-max', 'ms', rounds.map(({ longest }) => longest)),
      figure('folded-per-second', 'events/s', rounds.map(({ folded }) => folded)),
      figure('written-per-second', 'events/s', rounds.map(({ written }) => written))
    ],
    ratios: []
  }
}

export const loopDelayCase: Case = {
  name: 'loop-delay',
  line: 'p99.9 of the event loop delay while a node of a million sessions folds 50,000 events a second and validates',
  reach: { 'loop-delay-ms': 20 },
  run
}
