import { jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Stream from 'effect/Stream'
import * as fc from 'fast-check'
import { writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { jetstreamLog, type JetstreamLogOptions } from '../../../../core/log/jetstream.ts'
import { position, reaches, start } from '../../../../core/log/position.ts'
import { subject } from '../../../support/arbitraries.ts'
import { newCluster, startJetstream } from '../../../support/jetstream.ts'
import { failure, LogNode } from '../../../support/log-node.ts'
import { describeWithNats, type NatsServer } from '../../../support/nats-server.ts'
import { activityOf, eventOf, eventsOf } from '../../../support/sample-events.ts'
import { temporaryPath } from '../../../support/temp.ts'
import { until } from '../../../support/until.ts'

let server: NatsServer
let operator: NatsConnection
const atEnd: Array<() => Promise<unknown>> = []
const open = async (options: JetstreamLogOptions): Promise<LogNode> => {
  const node = await LogNode.open(jetstreamLog({ servers: server.url, ...options }))
  atEnd.push(() => node.close())
  return node
}
const commandsOf = async (node: LogNode): Promise<readonly string[]> =>
  (await node.read(start)).map(({ event }) => event.type === 'Unreadable' ? `unreadable: ${event.detail}` : event.command)

/** Nothing to do with the log: what stands in its stream, by subject. */
const subjectsOf = async (cluster: string): Promise<Readonly<Record<string, number>>> => {
  const { state } = await (await jetstreamManager(operator)).streams.info(`curfew-${cluster}`, { subjects_filter: '>' })
  return state.subjects ?? {}
}

/** Each byte as likely as any other: nothing that could be deflated. */
const noise = (length: number): string => {
  let seed = 1
  return Array.from({ length }, () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return String.fromCharCode(33 + (seed >>> 16) % 90)
  }).join('')
}

describeWithNats('the records in a stream', () => {
  beforeAll(async () => {
    server = await startJetstream()
    operator = await connect({ servers: server.url })
  })
  afterAll(async () => {
    await operator.close()
    await server.kill()
  })
  afterEach(async () => { for (const end of atEnd.splice(0).reverse()) await end() })

  it('bring nothing that a user chose into a subject, and give it back as it was', async () => {
    const cluster = newCluster()
    const a = await open({ cluster })
    let appended = 0
    const hostile = fc.oneof(subject, fc.constantFrom('>', '*', 'a.b', '$JS.API.>', ' ', '\r\nPUB x 1\r\na\r\n', '\0', 'ä'))
    await fc.assert(fc.asyncProperty(hostile, async (name) => {
      const before = await a.head()
      const event = eventOf(name, `c${appended++}`)
      await a.append(event)
      const found = await Effect.runPromise(Stream.runCollect(a.log.read(before)))
      expect(found.flat().map(({ event }) => event)).toEqual([event])
    }), { numRuns: 200 })
    expect(Object.keys(await subjectsOf(cluster))).toEqual([`curfew.${cluster}.events.v1`])
  })

  it('of one append are one message, and a retry of it is none', async () => {
    const cluster = newCluster()
    const [a, b] = [await open({ cluster }), await open({ cluster })]
    const place = await a.append(...eventsOf('ann', 'c', 7))
    expect(await a.append(...eventsOf('ann', 'c', 7))).toEqual(place)
    expect(await b.append(...eventsOf('ann', 'c', 7))).toEqual(place)
    expect(await a.head()).toEqual(place)
    // What differs at all is not the same.
    await a.append(...eventsOf('ann', 'c', 6))
    expect(await subjectsOf(cluster)).toEqual({ [`curfew.${cluster}.events.v1`]: 2 })
    expect(await commandsOf(a)).toHaveLength(13)
  })

  it('that do not fit are a defect of the caller, and nothing of them is kept', async () => {
    const a = await open({ cluster: newCluster() })
    const noisy = noise(2_000_000)
    const tooLarge = eventsOf('ann', 'c', 8_000).map((event, i) => ({ ...event, subject: noisy.slice(i * 250, (i + 1) * 250) }))
    for (const [events, why] of [[eventsOf('ann', 'c', 8_193), 'at most 8192 events'], [tooLarge, 'must fit into']] as const) {
      const exit = await Effect.runPromiseExit(a.log.append(events))
      expect(Exit.isFailure(exit) && Exit.hasDies(exit)).toBe(true)
      expect(String(Exit.isFailure(exit) && Cause.squash(exit.cause))).toContain(why)
    }
    await a.append(...eventsOf('ann', 'c', 8_192))
    expect(await commandsOf(a)).toHaveLength(8_192)
    await a.append(activityOf('large', 10_000))
    expect((await a.read(start)).at(-1)!.event).toEqual(activityOf('large', 10_000))
  })

  it('that somebody else wrote are passed on as what cannot be read, and lead to the head', async () => {
    const cluster = newCluster()
    const a = await open({ cluster })
    const following = a.follow(start)
    const foreign = ['', 'nonsense', '\n'.repeat(9_000), '{}', 'x\x9c broken', Buffer.from([0x78, 0x9c, 1, 2, 3])]
    for (const bytes of foreign) await operator.request(`curfew.${cluster}.events.v1`, bytes)
    await a.append(eventOf('ann', 'c0'))
    await until('all', () => following.records.some(({ event }) => event.type === 'SessionEnded'))
    const unreadable = following.records.filter(({ event }) => event.type === 'Unreadable')
    expect(unreadable.length).toBeGreaterThanOrEqual(foreign.length)
    const offsets = following.records.map(({ offset }) => offset)
    expect(offsets.every((offset, i) => i === 0 || offset > offsets[i - 1]!), 'they never go back').toBe(true)
    for (const { event } of unreadable) expect(event).toMatchObject({ concerns: 'everything' })
    expect(await a.head()).toEqual([following.records.at(-1)!.offset + 1])
    await following.stop()
  })

  it('can be gone on with between any two of one append', async () => {
    const a = await open({ cluster: newCluster() })
    await a.append(...eventsOf('ann', 'c', 300))
    const all = await a.read(start)
    for (const i of [0, 1, 127, 128, 129, 298, 299]) {
      expect(await a.read(position([all[i]!.offset + 1]))).toEqual(all.slice(i + 1))
    }
    expect(reaches(await a.head(), position([all.at(-1)!.offset + 1]))).toBe(true)
    expect(reaches(position([all.at(-1)!.offset]), await a.head())).toBe(false)
  })
})

describeWithNats('what a connection needs to be let in', () => {
  const secret = 'a-secret-that-must-not-show'
  afterEach(async () => { for (const end of atEnd.splice(0).reverse()) await end() })

  it.each([
    ['user and password', ['--user', 'curfew', '--pass', secret], { user: 'curfew', pass: secret }],
    ['a token', ['--auth', secret], { token: secret }]
  ])('is used, and shows nowhere: %s', async (_, args, given) => {
    await using own = await startJetstream(...args)
    const node = await LogNode.open(jetstreamLog({ servers: own.url, connect: given, cluster: 'shop' }))
    await node.append(eventOf('ann', 'c0'))
    const shown = [node.log.status()]
    await own.kill()
    const failures: unknown[] = [await failure(node.log.head), await failure(node.log.append([eventOf('ann', 'c1')]))]
    shown.push(node.log.status())
    await node.close()
    await own.start()
    for (const wrong of [{}, { user: 'curfew', pass: `${secret}-wrong` }, { token: `${secret}-wrong` }]) {
      const options: JetstreamLogOptions = { servers: own.url, connect: wrong, cluster: 'shop' }
      failures.push(await LogNode.open(jetstreamLog(options)).catch((error: unknown) => error))
    }
    for (const error of failures) expect(error).toMatchObject({ _tag: 'LogUnavailable' })
    const texts = failures.flatMap((error) =>
      [(error as Error).message, String((error as Error).stack), JSON.stringify(error), String((error as Error).cause)])
    for (const text of [...texts, JSON.stringify(shown)]) expect(text).not.toContain(secret)
  })

  it('and what it may not do is said', async () => {
    const file = temporaryPath('server.conf')
    const rights = 'publish: { deny: "curfew.shop.events.v1" }'
    writeFileSync(file, `authorization { users: [{ user: a, password: b, permissions: { ${rights} } }] }`)
    await using own = await startJetstream('-c', file)
    const options: JetstreamLogOptions = { servers: own.url, connect: { user: 'a', pass: 'b' }, cluster: 'shop' }
    const node = await LogNode.open(jetstreamLog(options))
    expect(await failure(node.log.append([eventOf('ann', 'c0')]))).toMatchObject({
      _tag: 'LogUnavailable', message: expect.stringMatching(/permission.*curfew\.shop\.events\.v1/i) as string
    })
    await node.close()
  })
})
