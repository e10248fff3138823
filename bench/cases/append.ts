import * as Effect from 'effect/Effect'
import { systemClock } from '../../core/clock.ts'
import { encodeText } from '../../core/log/codec.ts'
import type { DomainEvent } from '../../core/domain/events.ts'
import type { EventLogShape } from '../../core/log/port.ts'
import type { Bench, Case, Outcome } from '../harness/case.ts'
import { history } from '../harness/history.ts'
import { type BareLog, bareLogAt, logAt, type LogKind, withLogOf } from '../harness/logs.ts'
import { elapsedNs, nanoseconds } from '../harness/machine.ts'
import { population } from '../harness/population.ts'
import { figure, ratio, type Figure, type Ratio } from '../harness/report.ts'
import { interleave, type Contender } from '../harness/rounds.ts'
import { withLog } from '../harness/write-log.ts'

/**
 * `append` of a log on a server, events to bytes to the server and back with its acknowledgement, so many events in an
 * append and so many appends at a time; against the bare client's publishing of the very bytes, made before the clock
 * starts, acknowledged in the same way. Both on one server, in turns.
 *
 * The main figure is that of a busy node: appends of 16 events, 4 at a time.
 */
interface Load {
  readonly events: number
  readonly atOnce: number
}
const main: Load = { events: 16, atOnce: 4 }
const others: readonly Load[] = [{ events: 1, atOnce: 1 }, { events: 1, atOnce: 64 }, { events: 256, atOnce: 1 }]

const eventsPerTrial = 4_096

/** Runs `work` for each, so many at a time. */
const atATime = async <A>(all: readonly A[], atOnce: number, work: (one: A) => Promise<void> | void): Promise<void> => {
  const left = all.values()
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (const one of left) await work(one)
  }))
}

/** Ours, and the yardstick of it, which appends the same in the same round. */
const pair = (log: EventLogShape, bare: BareLog, { events, atOnce }: Load, next: () => DomainEvent, perTrial: number) => {
  let appends: ReadonlyArray<readonly DomainEvent[]> = []
  const count = Math.ceil(perTrial / events)
  const timed = async <A>(all: readonly A[], work: (one: A) => Promise<void> | void) => {
    const began = nanoseconds()
    await atATime(all, atOnce, work)
    return elapsedNs(began) / (count * events)
  }
  const ours: Contender<string> = {
    name: `append ${events} x ${atOnce}`,
    check: () => {},
    trial: async () => {
      appends = Array.from({ length: count }, () => Array.from({ length: events }, next))
      const [before = 0] = await Effect.runPromise(log.head)
      const value = await timed(appends, (one) => Effect.runPromise(log.append(one)).then(() => undefined))
      const [after = 0] = await Effect.runPromise(log.head)
      // Offsets may leave gaps, and never go back.
      return { value, right: after >= before + count * events ? 1 : 0, asked: 1, checksum: after | 0 }
    }
  }
  const theirs: Contender<string> = {
    name: `bare ${events} x ${atOnce}`,
    check: () => {},
    trial: async () => {
      const prepared = appends.map((one) => bare.prepare(one.map(encodeText)))
      const value = await timed(prepared, (append) => append())
      return { value, right: count, asked: prepared.length, checksum: prepared.length }
    }
  }
  return { ours, theirs }
}

const run = (kind: Exclude<LogKind, 'sqlite'>) => (bench: Bench): Promise<Outcome> => withLogOf(kind, bench, (place) =>
  withLog(logAt(place), async (log) => {
    const bare = await bareLogAt(place, 'append')
    const life = history(population(10_000_000, systemClock.wall()), () => Math.floor(systemClock.wall()))
    const figures: Figure[] = []
    const ratios: Ratio[] = []
    try {
      for (const load of [main, ...others]) {
        const { ours, theirs } = pair(log, bare, load, () => life.next()!, bench.size(eventsPerTrial, 64))
        const { values } = await interleave([ours, theirs],
          { rounds: bench.rounds(15), warmups: 3, progress: bench.progress, inOrder: true })
        const suffix = load === main ? '' : ` ${load.events} x ${load.atOnce}`
        const [mine, bareNs] = [values[ours.name]!, values[theirs.name]!]
        figures.push(figure(`append${suffix}`, 'ns/event', mine), figure(`bare${suffix}`, 'ns/event', bareNs))
        ratios.push(ratio(`append/${kind}${suffix}`, mine, bareNs))
      }
    } finally {
      await bare.close()
    }
    return { figures, ratios }
  }))

export const appendJetstreamCase: Case = {
  name: 'append-jetstream',
  line: 'appends to a log in JetStream, against the bare client publishing the same bytes',
  reach: { 'append/jetstream': 1.5 },
  run: run('jetstream')
}

export const appendKafkaCase: Case = {
  name: 'append-kafka',
  line: 'appends to a log in Kafka, against the bare producer sending the same records in the same batches',
  reach: { 'append/kafka': 1.5 },
  run: run('kafka')
}
