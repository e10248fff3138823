import { systemClock } from '../../core/clock.ts'
import { openSessions } from '../../index.ts'
import { readBodies } from '../harness/bare-sqlite.ts'
import { WrongAnswer, type Bench, type Case, type Outcome } from '../harness/case.ts'
import { history } from '../harness/history.ts'
import { bareLogAt, logAt, type LogKind, type ReadAll, withLogOf } from '../harness/logs.ts'
import { elapsedNs, nanoseconds } from '../harness/machine.ts'
import { population } from '../harness/population.ts'
import { figure, ratio } from '../harness/report.ts'
import { interleave, type Contender } from '../harness/rounds.ts'
import { writeLog } from '../harness/write-log.ts'

/**
 * A restart without a snapshot: from `openSessions` on a log to its resolving, which it does when the node has folded
 * all up to the log's head, against bare iteration over the same records by the backend's own client with a JSON.parse
 * of each. The log is what some time of use leaves: starts, ends, rotations with their confirmations, changes of
 * attributes, and batches of activity (harness/history.ts). On SQLite, `read, text only` fetches nothing but the text
 * that it parses; on a server the log has come to stand in appends of 16 events, those of a busy node.
 */
const recordsPerSession = 2.7
const perAppend = 16

const run = (kind: LogKind) => (bench: Bench): Promise<Outcome> => withLogOf(kind, bench, async (place) => {
  const people = population(bench.sessions(kind === 'sqlite' ? 200_000 : 1_000_000), systemClock.wall() - 60_000)
  const life = history(people, () => Math.floor(systemClock.wall()) - 30_000)
  const expected = Math.round(people.size * recordsPerSession)
  const written = await writeLog(logAt(place), expected, life.next, bench.progress, kind === 'sqlite' ? undefined : perAppend)
  const live = life.live()
  const bare = await bareLogAt(place, 'replay')
  let records = written
  const ours: Contender<'replay'> = {
    name: 'replay',
    check: () => {},
    trial: async () => {
      const began = nanoseconds()
      const sessions = await openSessions({ log: logAt(place), node: 'bench' })
      const ns = elapsedNs(began)
      const found = sessions.health().sessions.live
      const sample = live.filter((_, n) => n % Math.ceil(live.length / 1_000) === 0)
      const right = sample.filter((i) => sessions.get(people.id(i))?.subject === people.subject(i)).length
      await sessions.close()
      if (found !== live.length) throw new WrongAnswer(`the node knows ${found} live sessions where ${live.length} are`)
      return { value: ns / records, right, asked: sample.length, checksum: found }
    }
  }
  const reading = <Name extends string>(name: Name, readAll: () => ReadAll | Promise<ReadAll>): Contender<Name> => ({
    name,
    check: () => {},
    trial: async () => {
      const read = await readAll()
      // A node that opens and closes leaves a few records of its own.
      records = read.records
      return { value: read.ns / records, right: records >= written ? 1 : 0, asked: 1, checksum: read.checksum }
    }
  })
  const theirs = [
    reading('read', bare.readAll),
    ...(place.kind === 'sqlite' ? [reading('read, text only', () => readBodies(place.path))] : [])
  ]
  const { values, checksum } = await interleave([...theirs, ours],
    { rounds: bench.rounds(7), warmups: 1, progress: bench.progress })
  await bare.close()
  bench.note(`${records} records, ${live.length} live sessions, checksum ${checksum}`)
  return {
    figures: [figure('replay', 'ns/record', values.replay), ...theirs.map(({ name }) => figure(name, 'ns/record', values[name]))],
    ratios: theirs.map(({ name }) => ratio(`replay/${name}`, values.replay, values[name]))
  }
})

export const replayCase: Case = {
  name: 'replay',
  line: 'a SQLite log into a fresh node, against bare iteration with JSON.parse over the same rows',
  reach: { 'replay/read': 2 },
  run: run('sqlite')
}

export const replayJetstreamCase: Case = {
  name: 'replay-jetstream',
  line: 'a log in JetStream into a fresh node, against bare reading with JSON.parse of the same records',
  reach: { 'replay/read': 2 },
  run: run('jetstream')
}

export const replayKafkaCase: Case = {
  name: 'replay-kafka',
  line: 'a log in Kafka into a fresh node, against bare reading with JSON.parse of the same records',
  reach: { 'replay/read': 2 },
  run: run('kafka')
}
