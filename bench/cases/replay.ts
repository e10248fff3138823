import { systemClock } from '../../core/clock.ts'
import { openSessions, sqliteLog } from '../../index.ts'
import { readBodies, readRows, type ReadAll } from '../harness/bare-sqlite.ts'
import { WrongAnswer, type Bench, type Case, type Outcome } from '../harness/case.ts'
import { history } from '../harness/history.ts'
import { elapsedNs, nanoseconds } from '../harness/machine.ts'
import { population } from '../harness/population.ts'
import { figure, ratio } from '../harness/report.ts'
import { interleave, type Contender } from '../harness/rounds.ts'
import { writeLog } from '../harness/write-log.ts'

/**
 * A restart without a snapshot: from `openSessions` on a SQLite log to its resolving, which it does when the node has
 * folded all up to the log's head, against bare iteration over the same rows by better-sqlite3 with a JSON.parse of
 * each. `read, text only` fetches nothing but the text that it parses. The log is what some time of use leaves: starts,
 * ends, rotations with their confirmations, changes of attributes, and batches of activity (harness/history.ts).
 */
const recordsPerSession = 2.7

const run = async (bench: Bench): Promise<Outcome> => {
  const people = population(bench.sessions(200_000), systemClock.wall() - 60_000)
  const path = `${bench.directory}/sessions.db`
  const life = history(people, () => Math.floor(systemClock.wall()) - 30_000)
  const written = await writeLog(path, Math.round(people.size * recordsPerSession), life.next, bench.progress)
  const live = life.live()
  let records = written
  const ours: Contender<'replay'> = {
    name: 'replay',
    check: () => {},
    trial: async () => {
      const began = nanoseconds()
      const sessions = await openSessions({ log: sqliteLog({ path }), node: 'bench' })
      const ns = elapsedNs(began)
      const found = sessions.health().sessions.live
      const sample = live.filter((_, n) => n % Math.ceil(live.length / 1_000) === 0)
      const right = sample.filter((i) => sessions.get(people.id(i))?.subject === people.subject(i)).length
      await sessions.close()
      if (found !== live.length) throw new WrongAnswer(`the node knows ${found} live sessions where ${live.length} are`)
      return { value: ns / records, right, asked: sample.length, checksum: found }
    }
  }
  const reading = <Name extends string>(name: Name, readAll: (path: string) => ReadAll): Contender<Name> => ({
    name,
    check: () => {},
    trial: () => {
      const began = nanoseconds()
      const read = readAll(path)
      const ns = elapsedNs(began)
      // A node that opens and closes leaves a few records of its own.
      records = read.records
      return { value: ns / records, right: records >= written ? 1 : 0, asked: 1, checksum: read.checksum }
    }
  })
  const theirs = [reading('read', readRows), reading('read, text only', readBodies)]
  const { values, checksum } = await interleave([...theirs, ours],
    { rounds: bench.rounds(7), warmups: 1, progress: bench.progress })
  bench.note(`${records} records, checksum ${checksum}`)
  return {
    figures: [
      figure('replay', 'ns/record', values.replay), figure('read', 'ns/record', values.read),
      figure('read, text only', 'ns/record', values['read, text only'])
    ],
    ratios: [
      ratio('replay/read', values.replay, values.read),
      ratio('replay/read, text only', values.replay, values['read, text only'])
    ]
  }
}

export const replayCase: Case = {
  name: 'replay',
  line: 'a SQLite log into a fresh node, against bare iteration with JSON.parse over the same rows',
  reach: { 'replay/read': 2 },
  run
}
