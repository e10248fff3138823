import { openSessions, sqliteLog, type Sessions } from '../../index.ts'
import { bareWriter, commitsInWal, lastSeq, restartWal, rowsBehind, type Row } from '../harness/bare-sqlite.ts'
import { WrongAnswer, type Bench, type Case, type Outcome } from '../harness/case.ts'
import { elapsedNs, nanoseconds } from '../harness/machine.ts'
import { figure, ratio, type Figure, type Ratio } from '../harness/report.ts'
import { interleave, type Contender } from '../harness/rounds.ts'
import { median } from '../harness/stats.ts'

/**
 * `sessions.create`, so many at a time, through the store on a SQLite log: each resolves when its session is durable
 * and folded. Against a bare better-sqlite3 insert of the very rows that came to stand, into a table laid out like the
 * log's, with the pragmas of the log's own writer, in as many transactions as ours were grouped into in the same round.
 *
 * The more there are at a time, the cheaper is the disk for each, and the more shows what the store does beside it:
 * `create/sqlite` is that at 64 at a time, with 16 and 256 beside it.
 */
const atOnceMain = 64
const atOnceOthers = [16, 256]

/** Few enough that the write-ahead log does not begin anew within a trial, or the transactions could not be counted. */
const perTrial = 1_024

/** So many are created before anything is timed: a server that has just started is not what is measured. */
const warmUp = 50_000

/** Before each trial the write-ahead log of either is emptied, and takes so many groups before the clock starts. */
const groupsBefore = 4

const createAll = async (sessions: Sessions, count: number, atOnce: number, names: () => string): Promise<string[]> => {
  const tokens: string[] = []
  let left = count
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const { token } = await sessions.create({ subject: names() })
      tokens.push(token)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return tokens
}

const emptyWal = (path: string): void => {
  if (!restartWal(path)) throw new Error('the write-ahead log could not be emptied: a reader is in the way')
}

const countCommits = (path: string): number => {
  const commits = commitsInWal(path)
  if (commits === undefined) throw new Error('the write-ahead log began anew within the trial')
  return commits
}

interface Made {
  readonly rows: readonly Row[]
  readonly commits: number
}

/** Ours and the yardstick of it: what one round of ours wrote is what the bare one writes after it. */
const pair = (sessions: Sessions, path: string, directory: string, count: number, atOnce: number, warmUp: number) => {
  const barePath = `${directory}/bare-${atOnce}.db`
  const bare = bareWriter(barePath)
  const batches: number[] = []
  let names = 0
  let made: Made = { rows: [], commits: 1 }
  const ours: Contender<string> = {
    name: `create at ${atOnce}`,
    check: async () => {
      const [token] = await createAll(sessions, 1, 1, () => 'someone')
      const verdict = sessions.validate(token)
      if (!verdict.ok || verdict.session.subject !== 'someone') throw new WrongAnswer('a created session is not valid')
      await createAll(sessions, warmUp, atOnce, () => `warm-${atOnce}-${names++}`)
    },
    trial: async () => {
      emptyWal(path)
      const name = () => `user-${atOnce}-${names++}`
      await createAll(sessions, groupsBefore * atOnce, atOnce, name)
      const before = lastSeq(path)
      const commitsBefore = countCommits(path)
      const began = nanoseconds()
      const tokens = await createAll(sessions, count, atOnce, name)
      const ns = elapsedNs(began)
      const rows = rowsBehind(path, before)
      const commits = countCommits(path) - commitsBefore
      made = { rows, commits }
      batches.push(rows.length / commits)
      const valid = tokens.filter((token) => sessions.validate(token, { touch: false }).ok).length
      const durable = rows.filter(({ body }) => body.includes('"SessionStarted"')).length
      return { value: ns / count, right: Math.min(valid, durable), asked: count, checksum: rows.length }
    }
  }
  const theirs: Contender<string> = {
    name: `sqlite at ${atOnce}`,
    check: () => {},
    trial: () => {
      const { rows, commits } = made
      const group = (n: number) => rows.slice(n * rows.length / commits | 0, (n + 1) * rows.length / commits | 0)
      emptyWal(barePath)
      for (let n = 0; n < Math.min(groupsBefore, commits); n++) bare.commit(group(n))
      const before = bare.count()
      const began = nanoseconds()
      for (let n = 0; n < commits; n++) bare.commit(group(n))
      const ns = elapsedNs(began)
      return { value: ns / count, right: bare.count() - before, asked: rows.length, checksum: rows.length }
    }
  }
  return { ours, theirs, batches, close: () => { bare.close() } }
}

const run = async (bench: Bench): Promise<Outcome> => {
  const path = `${bench.directory}/sessions.db`
  const sessions = await openSessions({ log: sqliteLog({ path }), node: 'bench' })
  const count = bench.size(perTrial, 64)
  const figures: Figure[] = []
  const ratios: Ratio[] = []
  try {
    for (const atOnce of [atOnceMain, ...atOnceOthers]) {
      const { ours, theirs, batches, close } = pair(
        sessions, path, bench.directory, count, atOnce, bench.size(warmUp, 64))
      // Ours first in every round: the other one writes what it has written.
      const { values } = await interleave([ours, theirs],
        { rounds: bench.rounds(15), warmups: 2, progress: bench.progress, inOrder: true })
      close()
      const suffix = atOnce === atOnceMain ? '' : ` at ${atOnce}`
      const [mine, bare] = [values[ours.name]!, values[theirs.name]!]
      figures.push(figure(`create${suffix}`, 'ns', mine), figure(`sqlite${suffix}`, 'ns', bare))
      ratios.push(ratio(`create/sqlite${suffix}`, mine, bare))
      bench.note(`${atOnce} creates at a time: ${median(batches).toFixed(1)} records a transaction`)
    }
  } finally {
    await sessions.close()
  }
  return { figures, ratios }
}

export const createCase: Case = {
  name: 'create',
  line: 'concurrent durable creates through the store, against bare SQLite inserts of the same rows and batches',
  reach: { 'create/sqlite': 2.5 },
  run
}
