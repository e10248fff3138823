import * as Effect from 'effect/Effect'
import * as Redacted from 'effect/Redacted'
import * as Stream from 'effect/Stream'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { LogDamaged, LogUnavailable } from '../../../../core/errors.ts'
import { type KafkaLogOptions, kafkaLog } from '../../../../core/log/kafka.ts'
import { position, reaches, start } from '../../../../core/log/position.ts'
import type { StoredEvent } from '../../../../core/log/port.ts'
import { startAppending } from '../../../support/appender.ts'
import { newKafkaCluster } from '../../../support/kafka.ts'
import { kafkaPassword } from '../../../support/kafka-broker.ts'
import {
  describeWithKafka, kafkaStartMsMax, type KafkaServer, operate, startKafkaServer
} from '../../../support/kafka-server.ts'
import { freePort } from '../../../support/kept.ts'
import { failure, type Following, LogNode } from '../../../support/log-node.ts'
import { activityOf, eventOf, eventsOf, sessionIdOf } from '../../../support/sample-events.ts'
import { until } from '../../../support/until.ts'

const atEnd: Array<() => Promise<unknown>> = []
afterEach(async () => { for (const end of atEnd.splice(0).reverse()) await end() })

let server: KafkaServer
const open = async (options: Partial<KafkaLogOptions> = {}): Promise<LogNode> => {
  const node = await LogNode.open(kafkaLog({ brokers: server.address, cluster: newKafkaCluster(), ...options }))
  atEnd.push(() => node.close())
  return node
}
const follow = (node: LogNode): Following => {
  const following = node.follow(start)
  atEnd.push(following.stop)
  return following
}
const commands = (records: readonly StoredEvent[]): readonly string[] =>
  records.map(({ event }) => event.type === 'Unreadable' ? `unreadable: ${event.detail}` : event.command)
const openError = (options: KafkaLogOptions): Promise<unknown> =>
  LogNode.open(kafkaLog(options)).then((node) => node.close(), (error: unknown) => error)

/** What keeps this process alive. */
const resources = (kind: string): number => process.getActiveResourcesInfo().filter((found) => found === kind).length

/** Deletes a topic behind the back of those who use it. */
const remove = (topic: string): Promise<void> => operate(server, async (admin) => {
  await admin.deleteTopics({ topics: [topic] })
  await until('it is gone', async () => !(await admin.listTopics()).includes(topic))
})

const expectDamaged = async (node: LogNode, following: Following, why: RegExp): Promise<void> => {
  await until('the tail ends', () => following.error() !== undefined, 30_000)
  expect(following.error()).toBeInstanceOf(LogDamaged)
  expect((following.error() as LogDamaged).message).toMatch(why)
  expect(await failure(node.log.head)).toMatchObject({ _tag: 'LogUnavailable', message: expect.stringMatching(why) as string })
  expect(node.log.status().failure).toMatch(why)
}

describeWithKafka('kafkaLog in trouble', () => {
  beforeAll(async () => { server = await startKafkaServer() }, kafkaStartMsMax)
  afterAll(() => server.kill())

  it('a broker that dies and comes back has lost nothing that it acknowledged, and no tail misses anything', {
    timeout: 90_000
  }, async () => {
    const options = { cluster: newKafkaCluster() }
    const [a, b] = [await open(options), await open(options)]
    const following = follow(b)
    const appender = startAppending(a, 'c')
    await until('appends', () => appender.acknowledged.length >= 50)
    await server.kill()
    await until('it is noticed', () => b.log.status().failure !== null)
    const before = appender.acknowledged.length
    await server.start()
    await until('appends go on', () => appender.acknowledged.length >= before + 50)
    await appender.stop()
    const all = await a.read(start)
    await until('the tail has all', () => following.records.length >= all.length)
    expect(following.records).toEqual(all)
    expect(following.error()).toBe(undefined)
    // What was tried again may stand twice.
    expect([...new Set(commands(all))]).toEqual(appender.acknowledged)
    await until('all is well', async () => {
      for (const node of [a, b]) await failure(node.log.head)
      return [a, b].every((node) => node.log.status().failure === null)
    })
  })

  it('a broker that stands still holds up no call for long, and an append is tried again', { timeout: 60_000 }, async () => {
    const a = await open()
    const following = follow(a)
    await a.append(eventOf('ann', 'c0'))
    await until('it has come', () => following.records.length === 1)
    await server.freeze()
    const late = follow(a)
    const answer = failure(a.log.append([eventOf('ann', 'c1')]))
    const began = performance.now()
    const errors = await Promise.all([
      failure(a.log.head), openError({ brokers: server.address, cluster: 'other' }), failure(Stream.runDrain(a.log.read(start)))
    ])
    expect(performance.now() - began).toBeLessThan(6_000)
    for (const error of errors) expect(error).toBeInstanceOf(LogUnavailable)
    expect(a.log.status().failure).not.toBe(null)
    server.thaw()
    expect(await answer).toBe(undefined)
    await a.append(eventOf('ann', 'c2'))
    await until('the tail goes on', () => commands(following.records).includes('c2'))
    // What was sent while it stood still may stand as well, even late and more than once.
    await until('all has come', async () => following.records.length === (await a.read(start)).length)
    expect(following.records).toEqual(await a.read(start))
    expect([...new Set(commands(following.records))].sort()).toEqual(['c0', 'c1', 'c2'])
    await until('one that began meanwhile has it, too', () => late.records.length === following.records.length)
  })

  it('one that stands still does not hold up the closing', async () => {
    const node = await LogNode.open(kafkaLog({ brokers: server.address, cluster: newKafkaCluster() }))
    const following = node.follow(start)
    await server.freeze()
    const answer = failure(node.log.append([eventOf('ann', 'c0')]))
    const began = performance.now()
    await node.close()
    expect(performance.now() - began).toBeLessThan(4_000)
    expect(await answer).toBeInstanceOf(LogUnavailable)
    await until('the tail ends', () => following.error() !== undefined)
    expect(following.error()).toBeInstanceOf(LogUnavailable)
    await until('no connection is left', () => resources('TCPSocketWrap') === 0)
    server.thaw()
  })

  it('a broker that was never there fails the opening in time', async () => {
    const error = await openError({ brokers: `127.0.0.1:${await freePort()}`, cluster: 'shop' })
    expect(error).toMatchObject({ _tag: 'LogUnavailable', message: expect.stringContaining('cannot be reached') as string })
  })

  it('who has no right password is told so, and the password is told to nobody', async () => {
    const connect = (password: unknown) => ({ sasl: { mechanism: 'plain', username: 'curfew', password } })
    const guarded = { brokers: server.guardedAddress, cluster: newKafkaCluster() }
    const error = await openError({ ...guarded, connect: connect('wr0ng-pass') })
    expect(error).toMatchObject({ _tag: 'LogUnavailable', message: expect.stringContaining('uthentication') as string })
    expect(`${JSON.stringify(error)} ${String(error)} ${(error as Error).stack}`).not.toContain('wr0ng-pass')
    const node = await open({ ...guarded, connect: connect(Redacted.make(kafkaPassword)) })
    await node.append(eventOf('ann', 'c0'))
    expect(commands(await node.read(start))).toEqual(['c0'])
    expect(JSON.stringify(node.log.status())).not.toContain(kafkaPassword)
  })

  it('a topic that was deleted and made anew is found out', { timeout: 60_000 }, async () => {
    const cluster = newKafkaCluster()
    const a = await open({ cluster })
    const following = follow(a)
    await a.append(...eventsOf('ann', 'c', 3))
    await until('they have come', () => following.records.length === 3)
    await remove(`curfew-${cluster}`)
    await until('it is missed', async () => await failure(a.log.head) instanceof LogUnavailable)
    await open({ cluster })
    await expectDamaged(a, following, /ends at record 0 of partition 0, though 3 records stood there: it lost them/)
    expect(commands(following.records)).toEqual(['c0', 'c1', 'c2'])
    expect(await failure(Stream.runDrain(a.log.read(start)))).toBeInstanceOf(LogDamaged)
  })

  it('also when it has grown past where it was', { timeout: 60_000 }, async () => {
    const cluster = newKafkaCluster()
    const a = await open({ cluster })
    const following = follow(a)
    await a.append(...eventsOf('ann', 'c', 3))
    await until('they have come', () => following.records.length === 3)
    await remove(`curfew-${cluster}`)
    const b = await open({ cluster })
    await b.append(...eventsOf('ann', 'd', 10))
    await expectDamaged(a, following, /another record 2 in partition 0 than it had/)
    expect(commands(following.records)).toEqual(['c0', 'c1', 'c2'])
  })

  it('an append that is put where something stood is no append', { timeout: 60_000 }, async () => {
    const cluster = newKafkaCluster()
    const a = await open({ cluster })
    await a.append(...eventsOf('ann', 'c', 3))
    await remove(`curfew-${cluster}`)
    await open({ cluster })
    const error = await failure(a.log.append([eventOf('ann', 'd')]))
    expect(error).toMatchObject({ _tag: 'LogUnavailable', message: expect.stringContaining('where 3 records stood') as string })
    expect(await failure(Stream.runDrain(a.log.read(start)))).toBeInstanceOf(LogDamaged)
  })

  it('a topic that was given more partitions is found out', async () => {
    const cluster = newKafkaCluster()
    const a = await open({ cluster, partitions: 2 })
    const following = follow(a)
    await a.append(eventOf('ann', 'c0'))
    await operate(server, (admin) => admin.createPartitions({ topicPartitions: [{ topic: `curfew-${cluster}`, count: 3 }] }))
    await until('it is noticed', async () => await failure(a.log.head) !== undefined)
    await expectDamaged(a, following, /has 3 partitions and had 2/)
  })

  it('records that aged are no loss to who begins at the start, and one to who has lived on', async () => {
    const cluster = newKafkaCluster()
    const a = await open({ cluster })
    const following = follow(a)
    const place = position(await a.append(...eventsOf('ann', 'c', 2)))
    await a.append(...eventsOf('ann', 'd', 4))
    await until('they have come', () => following.records.length === 6)
    const topic = `curfew-${cluster}`
    const age = (offset: number) => operate(server, async (admin) => {
      // It looks for the leader first.
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] })
    })
    await age(4)
    await until('they are gone', async () => (await a.read(start)).length === 2)
    expect(commands(await a.read(start))).toEqual(['d2', 'd3'])
    expect(await failure(Stream.runDrain(a.log.tail(place)))).toMatchObject({
      _tag: 'LogDamaged', message: expect.stringMatching(/Records 2 to 3 of partition 0 .* are gone: they aged/) as string
    })
    await age(6)
    await until('all is gone', async () => (await a.read(start)).length === 0)
    expect(reaches(start, await a.head())).toBe(true)
    await a.append(...eventsOf('ann', 'e', 2))
    await until('a tail that has all goes on', () => following.records.length === 8)
    expect(commands((await a.read(start)))).toEqual(['e0', 'e1'])
  })

  it('what is too large is refused, and nothing of it is kept', async () => {
    const a = await open({ partitions: 3 })
    // What no compression makes small enough: each number is another one.
    const noise = Array.from({ length: 40 }, (_, i) => ({
      ...activityOf(`large${i}`, 1),
      seen: Array.from({ length: 10_000 }, (_, n) =>
        [sessionIdOf(n), 1 + (n * 7_919_999_983 + i * 104_729_000_001) % 1_700_000_000_000] as const)
    }))
    for (const events of [[eventOf('ann', 'small'), ...noise], eventsOf('ann', 'c', 8_193)]) {
      const defect = await Effect.runPromise(a.log.append(events)).catch((error: unknown) => error)
      expect(defect).toBeInstanceOf(RangeError)
      expect(String(defect)).toMatch(/max\.message\.bytes|at most 8192 events/)
    }
    await a.append(eventOf('ann', 'c0'))
    expect(commands(await a.read(start))).toEqual(['c0'])
  })

  it('what another program put there fences, and is no end of the tail', async () => {
    const cluster = newKafkaCluster()
    const a = await open({ cluster })
    const following = follow(a)
    const { Kafka, Partitioners } = await import('kafkajs')
    const producer = new Kafka({ brokers: [server.address], logCreator: () => () => undefined })
      .producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    await producer.send({ topic: `curfew-${cluster}`, messages: [{ value: 'hello' }, { value: null }] })
    await producer.disconnect()
    await a.append(eventOf('ann', 'c0'))
    await until('all has come', () => following.records.length === 3)
    expect(following.records.slice(0, 2).map(({ event }) => event)).toMatchObject([
      { type: 'Unreadable', concerns: 'everything' }, { type: 'Unreadable', concerns: 'everything' }
    ])
  })

  it('one that has nothing to do sets no timer, and closing leaves no connection', async () => {
    await until('no test before this one has left anything', () => resources('TCPSocketWrap') === 0)
    const timers = resources('Timeout')
    const node = await LogNode.open(kafkaLog({ brokers: server.address, cluster: newKafkaCluster() }))
    const following = node.follow(start)
    await node.append(eventOf('ann', 'c0'))
    await until('it has come', () => following.records.length === 1)
    expect(resources('TCPSocketWrap')).toBeGreaterThan(0)
    // But for the one with which this waits.
    await until('it rests', () => resources('Timeout') <= timers)
    await node.close()
    await until('nothing is left', () => resources('TCPSocketWrap') === 0)
  })
})
