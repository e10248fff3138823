import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Layer from 'effect/Layer'
import * as Scope from 'effect/Scope'
import * as Stream from 'effect/Stream'
import { Kafka, Partitioners, type Producer } from 'kafkajs'
import { encodeText } from '../../core/log/codec.ts'
import { kafkaLog } from '../../core/log/kafka.ts'
import { EventLog, type EventLogShape } from '../../core/log/port.ts'
import { position, start } from '../../core/log/position.ts'
import { findJava, findKafka } from '../../test/support/services.ts'
import { type Bench, type Case, Lacking, type Outcome, WrongAnswer } from '../harness/case.ts'
import { elapsedNs, nanoseconds } from '../harness/machine.ts'
import { figure, ratio, type Figure, type Ratio } from '../harness/report.ts'
import { type Contender, interleave } from '../harness/rounds.ts'
import { eventsOf } from '../../test/support/sample-events.ts'

/**
 * Appends to `kafkaLog`, one after the other, of one event and of 64 events each: each is one batch. Against the bare
 * producer of kafkajs, which sends the very same records in the same batches to a topic that is set up the same, with the
 * same acknowledgements, over the same broker. A trial is so many of one, then of the other.
 */
const sizes = [1, 64]
const perTrial = 200
const warmUp = 1_000

const openNode = async (address: string, scope: Scope.Scope, cluster: string): Promise<EventLogShape> =>
  Context.get(await Effect.runPromise(Layer.buildWithMemoMap(
    kafkaLog({ cluster, brokers: address }), Layer.makeMemoMapUnsafe(), scope)), EventLog)

const endOf = async (log: EventLogShape): Promise<number> => (await Effect.runPromise(log.head))[0] ?? 0

/** Ours and the yardstick of it, each on a topic of its own. */
const pair = (log: EventLogShape, bareLog: EventLogShape, producer: Producer, topic: string, size: number, count: number) => {
  const events = eventsOf('ann', 'c', size)
  const ours: Contender<string> = {
    name: `append of ${size}`,
    check: async () => {
      const place = position([await endOf(log)])
      await Effect.runPromise(log.append(events))
      const found = (await Effect.runPromise(Stream.runCollect(log.read(place)))).flat().map(({ event }) => JSON.stringify(event))
      if (found.join() !== events.map((event) => JSON.stringify(event)).join()) throw new WrongAnswer('what was appended did not stand')
    },
    trial: async () => {
      const before = await endOf(log)
      const began = nanoseconds()
      for (let i = 0; i < count; i++) await Effect.runPromise(log.append(events))
      const ns = elapsedNs(began)
      const right = await endOf(log) - before
      return { value: ns / count, right, asked: count * size, checksum: right }
    }
  }
  const theirs: Contender<string> = {
    name: `kafka of ${size}`,
    check: () => {},
    trial: async () => {
      const before = await endOf(bareLog)
      const began = nanoseconds()
      for (let i = 0; i < count; i++) {
        // Made anew for each, as ours are.
        await producer.send({ topic, acks: -1, messages: events.map((event) => ({ key: 'ann', value: encodeText(event) })) })
      }
      const ns = elapsedNs(began)
      const right = await endOf(bareLog) - before
      return { value: ns / count, right, asked: count * size, checksum: right }
    }
  }
  return { ours, theirs }
}

const compare = async (
  bench: Bench, log: EventLogShape, bareLog: EventLogShape, producer: Producer, topic: string
): Promise<Outcome> => {
  const figures: Figure[] = []
  const ratios: Ratio[] = []
  for (let i = 0; i < bench.size(warmUp, 10); i++) await Effect.runPromise(log.append(eventsOf('ann', 'warm', 1)))
  for (const size of sizes) {
    const { ours, theirs } = pair(log, bareLog, producer, topic, size, bench.size(perTrial, 10))
    const { values } = await interleave([ours, theirs], { rounds: bench.rounds(15), warmups: 2, progress: bench.progress })
    const suffix = size === 1 ? '' : ` of ${size}`
    const [mine, bare] = [values[ours.name]!, values[theirs.name]!]
    figures.push(figure(`append${suffix}`, 'ns', mine), figure(`kafka${suffix}`, 'ns', bare))
    ratios.push(ratio(`append/kafka${suffix}`, mine, bare))
  }
  return { figures, ratios }
}

const run = async (bench: Bench): Promise<Outcome> => {
  if (findJava() === undefined || findKafka() === undefined) {
    throw new Lacking('there is no Kafka here: npm run services gets one')
  }
  // It knows of vitest, which no other case needs.
  const { startKafkaServer } = await import('../../test/support/kafka-server.ts')
  await using server = await startKafkaServer()
  const scope = Scope.makeUnsafe()
  try {
    const log = await openNode(server.address, scope, 'ours')
    // Made by the log, so that it has the same settings.
    const bareLog = await openNode(server.address, scope, 'bare')
    const producer = new Kafka({ brokers: [server.address], logCreator: () => () => undefined })
      .producer({ allowAutoTopicCreation: false, createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    try {
      if (await endOf(bareLog) !== (start[0] ?? 0)) throw new WrongAnswer('the topic is not new')
      return await compare(bench, log, bareLog, producer, 'curfew-bare')
    } finally {
      await producer.disconnect()
    }
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

export const appendKafkaCase: Case = {
  name: 'append-kafka',
  line: 'appends to kafkaLog, one after the other, against the bare producer of kafkajs with the same batches',
  reach: { 'append/kafka': 1.1 },
  run
}
