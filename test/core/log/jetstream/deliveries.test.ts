import { connect } from '@nats-io/transport-node'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { jetstreamLog, type NatsConnection } from '../../../../core/log/jetstream.ts'
import { start } from '../../../../core/log/position.ts'
import { newCluster, startJetstream } from '../../../support/jetstream.ts'
import { type Following, LogNode } from '../../../support/log-node.ts'
import { describeWithNats, type NatsServer } from '../../../support/nats-server.ts'
import { eventOf, eventsOf } from '../../../support/sample-events.ts'
import { until } from '../../../support/until.ts'

type Message = Parameters<Parameters<NatsConnection['subscribe']>[1]['callback']>[1]

const asItIs = (message: Message): Message => message

/** A connection that keeps back some of what is delivered to a tail, and may change what is answered. */
const through = (
  connection: NatsConnection, passes: (message: Message) => boolean, answers: (message: Message) => Message = asItIs,
  delivers: (message: Message) => Message = asItIs
): NatsConnection => ({
  publish: (...given) => connection.publish(...given),
  subscribe: (subject, { callback }) => connection.subscribe(subject, {
    callback: (error, message) => {
      if (!subject.includes('.feed.')) callback(error, answers(message))
      else if (passes(message)) callback(error, delivers(message))
    }
  }),
  flush: () => connection.flush(), drain: () => connection.drain(), close: () => connection.close(),
  isClosed: () => connection.isClosed(), closed: () => connection.closed(), status: () => connection.status()
})

describeWithNats('what is delivered to a tail', () => {
  let server: NatsServer
  let connection: NatsConnection
  const atEnd: Array<() => Promise<unknown>> = []
  beforeAll(async () => {
    server = await startJetstream()
    connection = await connect({ servers: server.url })
  })
  afterAll(async () => {
    await connection.close()
    await server.kill()
  })
  afterEach(async () => { for (const end of atEnd.splice(0).reverse()) await end() })

  const open = async (passes: (message: Message) => boolean): Promise<readonly [LogNode, Following]> => {
    const node = await LogNode.open(jetstreamLog({ connection: through(connection, passes), cluster: newCluster() }))
    atEnd.push(() => node.close())
    const following = node.follow(start)
    atEnd.push(following.stop)
    return [node, following]
  }
  const isData = (message: Message, what: string): boolean => Buffer.from(message.data).toString().includes(what)

  it('and lost on the way is asked for again', async () => {
    let lost = 0
    const [node, following] = await open((message) => !isData(message, '"c5"') || lost++ > 0)
    for (const event of eventsOf('ann', 'c', 10)) await node.append(event)
    await until('all', () => following.records.length >= 10)
    expect(following.records).toEqual(await node.read(start))
    expect(lost).toBeGreaterThan(1)
  })

  it('and is missing again and again is gone, which ends the tail behind the last that was good', async () => {
    const [node, following] = await open((message) => !isData(message, '"c5"'))
    for (const event of eventsOf('ann', 'c', 10)) await node.append(event)
    await until('the tail ends', () => following.error() !== undefined)
    expect(following.error()).toMatchObject({
      _tag: 'LogDamaged', message: expect.stringMatching(/^Messages 6 to 6 of the stream .* are gone/) as string
    })
    expect(following.records).toHaveLength(5)
  })

  it('and is the last that was lost is asked for again, for it is known to stand', async () => {
    let lost = 0
    const [node, following] = await open((message) => !isData(message, '"last"') || lost++ > 0)
    await node.append(eventOf('ann', 'c0'))
    await until('the first', () => following.records.length === 1)
    await node.append(eventOf('ann', 'last'))
    await until('the last', () => following.records.length === 2)
  })

  it('by a server that is behind, and does not know it, comes from another', async () => {
    let lost = 0
    /** A sign of life that says nothing of what was delivered. */
    const unknowing = (message: Message): Message => message.headers?.code === 100 && message.reply === ''
      ? { data: message.data, subject: message.subject, headers: { code: 100, description: '', get: () => '' } }
      : message
    const own = through(connection, (message) => !isData(message, '"last"') || lost++ > 0, asItIs, unknowing)
    const node = await LogNode.open(jetstreamLog({ connection: own, cluster: newCluster() }))
    atEnd.push(() => node.close())
    const following = node.follow(start)
    atEnd.push(following.stop)
    await node.append(eventOf('ann', 'c0'))
    await until('the first', () => following.records.length === 1)
    await node.append(eventOf('ann', 'last'))
    await until('the last', () => following.records.length === 2)
    expect(lost).toBeGreaterThan(1)
  })

  it('by a consumer that gives no sign of life comes from another', async () => {
    let silent = false
    const [node, following] = await open(() => !silent)
    await node.append(eventOf('ann', 'c0'))
    await until('the first', () => following.records.length === 1)
    silent = true
    await until('it is noticed', () => node.log.status().failure?.includes('no sign of life') === true)
    silent = false
    await node.append(eventOf('ann', 'c1'))
    await until('the next', () => following.records.length === 2)
    await until('all is well', () => node.log.status().failure === null)
  })

  it('may stand twice where the server knew a retry and not where it stands', async () => {
    const text = (data: Uint8Array): string => Buffer.from(data).toString()
    let unsaid = 0
    const answers = (message: Message): Message => text(message.data).includes('"seq":') && unsaid++ === 0
      ? { data: Buffer.from(text(message.data).replace(/"seq": *\d+/, '"seq":0,"duplicate":true')), subject: message.subject }
      : message
    const options = { connection: through(connection, () => true, answers), cluster: newCluster() }
    const node = await LogNode.open(jetstreamLog(options))
    atEnd.push(() => node.close())
    const place = await node.append(eventOf('ann', 'c0'))
    expect(unsaid).toBeGreaterThan(1)
    expect(place).toEqual(await node.head())
    expect(await node.read(start)).toHaveLength(2)
  })

  it('is no more than is taken: a slow tail holds up the server, not its own memory', async () => {
    const node = await LogNode.open(jetstreamLog({ connection, cluster: newCluster() }))
    atEnd.push(() => node.close())
    // Each about 400 kB, 80 MB in all.
    const [appends, events] = [200, 2_000]
    for (let i = 0; i < appends; i++) await node.append(...eventsOf('ann', `c${i}x`, events))
    const busy = Promise.withResolvers<void>()
    const before = process.memoryUsage().arrayBuffers
    const slow = node.follow(start, () => busy.promise)
    atEnd.push(slow.stop)
    await until('it has begun', () => slow.records.length > 0)
    await new Promise((resolve) => { setTimeout(resolve, 1_500) })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(48_000_000)
    busy.resolve()
    await until('all', () => slow.records.length === appends * events, 60_000)
  }, 90_000)
})
