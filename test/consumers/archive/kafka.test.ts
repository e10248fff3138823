/** Archives of logs in a real Kafka broker, and archives in its topics: each event once, whatever dies meanwhile. */
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Scope from 'effect/Scope'
import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { Kafka } from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { archive, type ArchiveProgress, archiveTopic, type ArchiveState, type ArchiveTopicOptions } from '../../../consumers/archive.ts'
import { ArchiveUnavailable, ArchiveUnusable, InvalidOptions } from '../../../core/errors.ts'
import { kafkaLog } from '../../../core/log/kafka.ts'
import { position, start } from '../../../core/log/position.ts'
import { sqliteLog } from '../../../index.ts'
import { type ArchivedLine, archivedLines, expectedLine, positionOf } from '../../support/archives.ts'
import { type CliRun, runCliHere, startCli } from '../../support/cli-process.ts'
import { kafkaPassword } from '../../support/kafka-broker.ts'
import { losing } from '../../support/kafka-losing.ts'
import { readTopic, watchEnds } from '../../support/kafka-reader.ts'
import { describeWithKafka, type KafkaServer, kafkaStartMsMax, operate, startKafkaServer } from '../../support/kafka-server.ts'
import { newKafkaCluster } from '../../support/kafka.ts'
import { failure, LogNode } from '../../support/log-node.ts'
import { activityOf, eventOf, eventsOf } from '../../support/sample-events.ts'
import { temporaryPath } from '../../support/temp.ts'
import { until } from '../../support/until.ts'

let server: KafkaServer
const atEnd: Array<() => Promise<unknown>> = []
afterEach(async () => { for (const end of atEnd.splice(0).reverse()) await end() })

let topics = 0
const newTopic = (): string => `archive.${++topics}`
const to = (topic: string, more: Partial<ArchiveTopicOptions> = {}) => archiveTopic({ topic, brokers: server.address, ...more })

const aLog = async () => {
  const path = temporaryPath('log.db')
  const node = await LogNode.open(sqliteLog({ path, retention: 'forever' }))
  atEnd.push(() => node.close())
  return { path, node, from: sqliteLog({ path, retention: 'forever' }) }
}

/** An archive that is open, without a log. */
const open = async (topic: string, more: Partial<ArchiveTopicOptions> = {}) => {
  const scope = Scope.makeUnsafe()
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  atEnd.push(close)
  const { state, append } = await Effect.runPromise(Scope.provide(to(topic, more).open, scope))
  return { state, append: (lines: readonly string[], state: ArchiveState) => Effect.runPromise(append(lines, state)), close }
}
/** What no compression makes fit. */
const tooLarge = (): string => randomBytes(1_200_000).toString('hex')
const stateAt = (count: number): ArchiveState => ({ source: { kind: 'k', name: 'n' }, position: position([count]), marks: [] })

const linesOf = async (topic: string): Promise<readonly ArchivedLine[]> =>
  (await readTopic(server, topic, 'committed')).map((line) => JSON.parse(line) as ArchivedLine)
const expectEqual = async (topic: string, node: LogNode): Promise<void> => {
  expect(await linesOf(topic)).toEqual((await node.read(start)).map(expectedLine))
}

const make = (topic: string, numPartitions = 1) => operate(server, (admin) => admin.createTopics({ topics: [{ topic, numPartitions }] }))
const remove = (...topics: readonly string[]) => operate(server, async (admin) => {
  await admin.deleteTopics({ topics: [...topics] })
  await until('they are gone', async () => !(await admin.listTopics()).some((topic) => topics.includes(topic)))
})

const openLog = async (cluster: string, partitions = 1): Promise<LogNode> => {
  const node = await LogNode.open(kafkaLog({ brokers: server.address, cluster, partitions, retention: 'forever' }))
  atEnd.push(() => node.close())
  return node
}
const env = { CURFEW_KAFKA_USER: 'curfew', CURFEW_KAFKA_PASSWORD: kafkaPassword, CURFEW_KAFKA_MECHANISM: 'plain' }
const args = (cluster: string, file: string, ...more: readonly string[]): readonly string[] =>
  ['archive', '--from', `kafka:${server.guardedAddress}?cluster=${cluster}`, '--to', file, ...more]
const run = (cluster: string, file: string, given: Readonly<Record<string, string>> = env) => runCliHere(args(cluster, file), given)
/** Each partition is in order; how they are mixed is nobody's matter. */
const sorted = <A extends { readonly partition?: number }>(lines: readonly A[]): readonly A[] =>
  lines.toSorted((a, b) => a.partition! - b.partition!)


describe('the options of archiveTopic', () => {
  it.each<[string, unknown]>([
    ['topic', undefined], ['topic', {}], ['topic', { topic: '' }], ['topic', { topic: '..' }], ['topic', { topic: 'a b' }],
    ['color', { topic: 'a', color: 'red' }], ['brokers', { topic: 'a', brokers: [] }],
    ['brokers', { topic: 'a', brokers: 'u:secret@localhost:9092' }], ['replicas', { topic: 'a', replicas: 0 }],
    ['create', { topic: 'a', create: 'no' }], ['connect', { topic: 'a', connect: 'secret' }],
    ['connect', { topic: 'a', connect: { retry: {} } }]
  ])('must have a %s that is one: %j', async (option, given) => {
    const error = await failure(Effect.scoped(archiveTopic(given as ArchiveTopicOptions).open))
    expect(error).toBeInstanceOf(InvalidOptions)
    expect(error).toMatchObject({ option })
    expect((error as InvalidOptions).message).not.toContain('secret')
  })
})

const inATopic = (): void => {
  it('has every event once, run after run, with the place in a topic that is compacted', async () => {
    const { node, from } = await aLog()
    const topic = newTopic()
    for (const count of [0, 1, 500]) {
      await node.append(eventOf('bob', `s${count}`), ...eventsOf('ann', `r${count}-`, count))
      expect(await archive({ from, to: to(topic) })).toMatchObject({ events: count + 1, gaps: 0 })
      expect(await archive({ from, to: to(topic, { create: false }) })).toMatchObject({ events: 0 })
      await expectEqual(topic, node)
    }
    const { resources: [events, places] } = await operate(server, (admin) => admin.describeConfigs({
      includeSynonyms: false, resources: [topic, `${topic}-position`].map((name) => ({ type: 2, name, configNames: ['cleanup.policy'] }))
    }))
    expect([events!.configEntries[0]!.configValue, places!.configEntries[0]!.configValue]).toEqual(['delete', 'compact'])
  })

  it('holds its place however many batches and attempts have been', async () => {
    const topic = newTopic()
    for (let run = 0; run < 3; run++) {
      const { state, append, close } = await open(topic)
      expect(state).toEqual(run === 0 ? null : stateAt(run * 40))
      for (let i = 1; i <= 40; i++) await append([`{"n":${run * 40 + i}}`], stateAt(run * 40 + i))
      await close()
      const other = await open(topic)
      await expect(other.append(['{}', tooLarge()], stateAt(1_000))).rejects.toThrow()
      await other.close()
    }
    expect((await open(topic)).state).toEqual(stateAt(120))
    expect(await linesOf(topic)).toEqual(Array.from({ length: 120 }, (_, i) => ({ n: i + 1 })))
  })

  it('kill -9 in the middle of a batch gives neither a gap nor a repetition', { timeout: 60_000 }, async () => {
    const { path, node } = await aLog()
    const topic = newTopic()
    const archiver = (): CliRun => startCli(
      ['archive', '--from', `sqlite:${path}`, '--to', `kafka:${server.guardedAddress}?topic=${topic}`], env)
    using watch = await watchEnds(server)
    let torn = 0
    for (let round = 0; round < 9 && !(torn > 0 && round > 1); round++) {
      // Several megabytes: one batch of the archive, and several of Kafka.
      for (let i = 0; i < 6; i++) await node.append(activityOf(`c${round}-${i}`, 9_000))
      const ends = () => Promise.all([topic, `${topic}-position`].map(watch.endOf))
      const [lines, place] = await ends()
      const { child, end } = archiver()
      // As soon as a part of a batch is there, and once as soon as its place is. It begins with a place, and the mark behind.
      const begun = Math.max(place!, 2)
      await until('it is at work', async () => {
        const [now, then] = await ends()
        return round === 1 ? then! > begun + 1 : now! > lines!
      }, 20_000)
      child.kill('SIGKILL')
      await end
      if ((await ends())[1] === begun) torn++
    }
    expect(torn).toBeGreaterThan(0)
    expect(await archiver().end).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+ events archived\n$/) as string, err: '' })
    await expectEqual(topic, node)
    const all = await readTopic(server, topic, 'all')
    expect(all.length).toBeGreaterThan((await node.read(start)).length)
  })

  it('is taken over by a second archiver, and the first one is told so', async () => {
    const { node, from } = await aLog()
    const topic = newTopic()
    await node.append(...eventsOf('ann', 'a', 5))
    let events = 0
    let second: ArchiveProgress = { events: 0, gaps: 0, position: null, head: null }
    const first = archive({ from, to: to(topic), follow: true, batchAge: '10 millis', onProgress: (done) => { events = done.events } })
    const refused = first.then(() => undefined, (error: unknown) => error)
    await until('the first is at work', () => events === 5)
    const stop = new AbortController()
    const other = archive({
      from, to: to(topic), follow: true, batchAge: '10 millis', signal: stop.signal, onProgress: (done) => { second = done }
    })
    let count = 0
    // The first has it until the second has opened it, and then never again.
    await until('the second is at work', async () => {
      await node.append(eventOf('ann', `b${++count}`))
      return second.events > 0
    })
    const error = await refused
    expect(error).toBeInstanceOf(ArchiveUnusable)
    expect((error as ArchiveUnusable).message).toContain('another archiver has opened it since')
    await until('the second has all', () => second.position?.[0] === 5 + count)
    stop.abort()
    await other
    expect(events + second.events).toBe(5 + count)
    await expectEqual(topic, node)
  })

  it('a batch that fails is not in it, and nobody waits for it', async () => {
    const topic = newTopic()
    const { append, close } = await open(topic)
    await append(['{"n":1}'], stateAt(1))
    const large = await append(['{"n":2}', tooLarge()], stateAt(3)).catch((error: unknown) => error)
    expect(large).toBeInstanceOf(ArchiveUnusable)
    expect((large as ArchiveUnusable).message).toContain('max.message.bytes')
    expect(await append(['{"n":2}'], stateAt(2)).catch((error: unknown) => error)).toBe(large)
    expect(await readTopic(server, topic, 'committed')).toEqual(['{"n":1}'])
    expect(await readTopic(server, topic, 'all')).toEqual(['{"n":1}', '{"n":2}'])
    await close()
    expect((await open(topic)).state).toEqual(stateAt(1))
  })

  it.each([['the beginning of a transaction', 24], ['a batch', 0], ['the end of a transaction', 26]] as const)(
    'goes on where the answer to %s was lost, and what was sent again stands once', async (_, request) => {
      const topic = newTopic()
      const { socketFactory, lose } = losing()
      const { append } = await open(topic, { connect: { socketFactory } })
      await append(['{"n":1}'], stateAt(1))
      const lost = lose(request)
      await append(['{"n":2}'], stateAt(2))
      expect(lost()).toBe(true)
      await append(['{"n":3}'], stateAt(3))
      expect((await open(topic)).state).toEqual(stateAt(3))
      expect(await readTopic(server, topic, 'all')).toEqual(['{"n":1}', '{"n":2}', '{"n":3}'])
    })

  it('ends where the topic was deleted and made anew', async () => {
    const topic = newTopic()
    const { append } = await open(topic)
    await append(['{"n":1}', '{"n":2}'], stateAt(2))
    await remove(topic)
    await make(topic)
    const error = await append(['{"n":3}'], stateAt(3)).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(ArchiveUnusable)
    expect(await readTopic(server, topic, 'committed')).toEqual([])
  })

  it('is not there where no broker is', async () => {
    const error = await failure(Effect.scoped(archiveTopic({ topic: 'a', brokers: '127.0.0.1:1' }).open))
    expect(error).toBeInstanceOf(ArchiveUnavailable)
    expect((error as ArchiveUnavailable).message).toContain('127.0.0.1:1')
  })

  describe('is refused', () => {
    const config = (topic: string, name: string, value: string) => operate(server, (admin) => admin.alterConfigs({
      validateOnly: false, resources: [{ type: 2, name: topic, configEntries: [{ name, value }] }]
    }))
    const filled = async (): Promise<string> => {
      const topic = newTopic()
      const { append, close } = await open(topic)
      await append(['{"n":1}', '{"n":2}'], stateAt(2))
      await close()
      return topic
    }
    const send = (topic: string, value: string) => operate(server, async () => {
      const producer = new Kafka({ brokers: [server.address], logCreator: () => () => undefined }).producer()
      await producer.connect()
      await producer.send({ topic, messages: [{ value }] })
      await producer.disconnect()
    })

    it.each<[string, RegExp, () => Promise<string>]>([
      ['a topic that is not there', /there is no topic/, async () => newTopic()],
      ['one of more partitions', /has 2 partitions and must have 1/, async () => {
        const topic = newTopic()
        await make(topic, 2)
        return topic
      }],
      ['one that forgets what is not the last of its key', /cleanup\.policy of .* is compact and must be delete/, async () => {
        const topic = await filled()
        await config(topic, 'cleanup.policy', 'compact')
        return topic
      }],
      ['a place that is forgotten in time', /cleanup\.policy of .*-position is delete and must be compact/, async () => {
        const topic = await filled()
        await config(`${topic}-position`, 'cleanup.policy', 'delete')
        return topic
      }],
      ['one whose end may get lost', /unclean\.leader\.election\.enable of .* is true and must be false/, async () => {
        const topic = await filled()
        await config(topic, 'unclean.leader.election.enable', 'true')
        return topic
      }],
      ['one that is none, though it holds something', /there is no position of it/, async () => {
        const topic = newTopic()
        await make(topic)
        await send(topic, 'hello')
        return topic
      }],
      ['one whose position was lost', /there is no position of it/, async () => {
        const topic = await filled()
        await remove(`${topic}-position`)
        return topic
      }],
      ['one that was made anew', /it ends at 0, and its position at 2/, async () => {
        const topic = await filled()
        await remove(topic)
        await make(topic)
        return topic
      }],
      ['one that was made anew, and filled by somebody', /its record 1 is not the one that was archived last/, async () => {
        const topic = await filled()
        await remove(topic)
        await make(topic)
        for (const value of ['a', 'b', 'c']) await send(topic, value)
        return topic
      }]
    ])('%s', async (_, message, prepare) => {
      const topic = await prepare()
      const open = () => failure(Effect.scoped(to(topic, { create: !message.source.includes('no topic') }).open))
      let error: unknown
      // A topic that was made this moment may have no leader yet.
      await until('it has a leader', async () => {
        error = await open()
        return !(error instanceof ArchiveUnavailable)
      })
      expect(error).toBeInstanceOf(ArchiveUnusable)
      expect((error as ArchiveUnusable).message).toMatch(message)
    })
  })
}

const ofALog = (): void => {
  it('has every event once, run after run, of every partition', async () => {
    const cluster = newKafkaCluster()
    const file = temporaryPath('log.ndjson.gz')
    const node = await openLog(cluster, 3)
    let all = 0
    for (const count of [1, 300]) {
      await node.append(...eventsOf('ann', `r${count}-`, count))
      await node.append(eventOf('bob', `s${count}`))
      all += count + 1
      expect(await run(cluster, file)).toEqual({ code: 0, out: `${count + 1} events archived\n`, err: '' })
      expect(sorted(archivedLines(file))).toEqual(sorted((await node.read(start)).map(expectedLine)))
      expect(archivedLines(file)).toHaveLength(all)
    }
  })

  it('follows the log, killed and started again', { timeout: 60_000 }, async () => {
    const cluster = newKafkaCluster()
    const file = temporaryPath('log.ndjson.gz')
    const node = await openLog(cluster)
    await node.append(...eventsOf('ann', 'a', 10))
    const follow = args(cluster, file, '--follow', '--batch-age', '20 millis')
    const has = (count: number) => (): boolean => existsSync(`${file}.position`) && positionOf(file).position[0] === count
    const first = startCli(follow, env)
    await until('the first are there', has(10))
    first.child.kill('SIGKILL')
    await first.end
    await node.append(...eventsOf('ann', 'b', 5))
    const second = startCli(follow, env)
    await until('and what came while it was away', has(15))
    second.child.kill('SIGTERM')
    expect(await second.end).toEqual({ code: 0, out: '5 events archived\n', err: '' })
    expect(archivedLines(file)).toEqual((await node.read(start)).map(expectedLine))
  })

  it('is not made of a topic that is not there, and makes none', async () => {
    const cluster = newKafkaCluster()
    const file = temporaryPath('log.ndjson.gz')
    const { code, err } = await run(cluster, file)
    expect([code, err]).toEqual([1, expect.stringContaining(`There is no topic curfew-${cluster}`) as string])
    expect(existsSync(file)).toBe(false)
    expect(await operate(server, (admin) => admin.listTopics())).not.toContain(`curfew-${cluster}`)
  })

  it('needs the password, from the environment or a file, which it never tells', async () => {
    const cluster = newKafkaCluster()
    await openLog(cluster)
    const wrong = 'a-wrong-password'
    const refused = await run(cluster, temporaryPath('a.gz'), { ...env, CURFEW_KAFKA_PASSWORD: wrong })
    expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/^curfew archive: .*[Aa]uthentication/) as string })
    expect(refused.out + refused.err).not.toContain(wrong)
    const file = temporaryPath('password')
    writeFileSync(file, `${kafkaPassword}\n`)
    const { CURFEW_KAFKA_PASSWORD: _, ...others } = env
    expect(await run(cluster, temporaryPath('b.gz'), { ...others, CURFEW_KAFKA_PASSWORD_FILE: file }))
      .toEqual({ code: 0, out: '0 events archived\n', err: '' })
  })
}

describeWithKafka('with Kafka', () => {
  beforeAll(async () => { server = await startKafkaServer() }, kafkaStartMsMax)
  afterAll(() => server.kill())
  describe('an archive in a topic', inATopic)
  describe('an archive of a log', ofALog)
})
