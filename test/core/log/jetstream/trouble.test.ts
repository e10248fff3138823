import * as Stream from 'effect/Stream'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { LogDamaged, LogUnavailable } from '../../../../core/errors.ts'
import { jetstreamLog, type JetstreamLogOptions } from '../../../../core/log/jetstream.ts'
import { position, reaches, start } from '../../../../core/log/position.ts'
import type { StoredEvent } from '../../../../core/log/port.ts'
import { startAppending } from '../../../support/appender.ts'
import { newCluster } from '../../../support/jetstream.ts'
import { failure, type Following, LogNode } from '../../../support/log-node.ts'
import { freePort } from '../../../support/kept.ts'
import { describeWithNats, type NatsServer, startNatsServer } from '../../../support/nats-server.ts'
import { eventOf, eventsOf } from '../../../support/sample-events.ts'
import { temporaryFolder } from '../../../support/temp.ts'
import { until } from '../../../support/until.ts'

const atEnd: Array<() => Promise<unknown>> = []
afterEach(async () => { for (const end of atEnd.splice(0).reverse()) await end() })

const serve = async (folder = temporaryFolder(), port?: number): Promise<NatsServer> => {
  const server = await startNatsServer(['-js', '-sd', folder], port)
  atEnd.push(server.kill)
  return server
}
const open = async (options: JetstreamLogOptions): Promise<LogNode> => {
  const node = await LogNode.open(jetstreamLog(options))
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

/** What an operator does with his own tools. */
const operate = async (server: NatsServer, deed: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<unknown>) => {
  const connection = await connect({ servers: server.url })
  await deed(await jetstreamManager(connection))
  await connection.close()
}

describeWithNats('a server that dies', () => {
  it('and comes back has lost nothing that it acknowledged, and no tail misses or repeats anything', async () => {
    const server = await serve()
    const options = { servers: server.url, cluster: newCluster() }
    const [a, b] = [await open(options), await open(options)]
    const following = follow(b)
    const appender = startAppending(a, 'c')
    for (let round = 1; round <= 3; round++) {
      const before = appender.acknowledged.length
      await until('appends', () => appender.acknowledged.length >= before + 50)
      await server.kill()
      await until('it is noticed', () => b.log.status().failure !== null)
      await server.start()
      await until('appends go on', () => appender.acknowledged.length >= before + 100)
    }
    await appender.stop()
    expect(appender.failures()).toBeGreaterThan(0)
    const all = await a.read(start)
    await until('the tail has all', () => following.records.length >= all.length)
    expect(following.records).toEqual(all)
    expect(following.error()).toBe(undefined)
    expect(commands(all)).toEqual(appender.acknowledged)
    await until('all is well', () => [a, b].every((node) => node.log.status().failure === null))
  })

  it('fails every call with LogUnavailable, at once, and says so', async () => {
    const server = await serve()
    const a = await open({ servers: server.url, cluster: newCluster() })
    await a.append(eventOf('ann', 'c0'))
    await server.kill()
    await until('it is noticed', () => a.log.status().failure !== null)
    const began = performance.now()
    for (const call of [a.log.append([eventOf('ann', 'c1')]), a.log.head, Stream.runDrain(a.log.read(start))]) {
      expect(await failure(call)).toMatchObject({
        _tag: 'LogUnavailable', message: expect.stringContaining('cannot be reached') as string
      })
    }
    expect(performance.now() - began).toBeLessThan(500)
  })

  it('and was never there fails the opening in time', async () => {
    const error = await LogNode.open(jetstreamLog({ servers: `127.0.0.1:${await freePort()}`, cluster: 'shop' }))
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ _tag: 'LogUnavailable', message: expect.stringContaining('no server answers') as string })
  })
})

describeWithNats('a server that stands still', () => {
  it('holds up no call for long, and everything goes on with it', async () => {
    const server = await serve()
    const a = await open({ servers: server.url, cluster: newCluster() })
    const following = follow(a)
    await a.append(eventOf('ann', 'c0'))
    await until('it has come', () => following.records.length === 1)
    await server.freeze()
    const began = performance.now()
    const errors = await Promise.all([
      failure(a.log.append([eventOf('ann', 'c1')])), failure(a.log.head), failure(Stream.runDrain(a.log.read(start))),
      LogNode.open(jetstreamLog({ servers: server.url, cluster: 'other' })).catch((error: unknown) => error)
    ])
    expect(performance.now() - began).toBeLessThan(6_000)
    for (const error of errors) expect(error).toBeInstanceOf(LogUnavailable)
    expect(a.log.status().failure).not.toBe(null)
    server.thaw()
    await until('it is back', async () => await failure(a.log.append([eventOf('ann', 'c1')])) === undefined)
    await until('the tail goes on', () => commands(following.records).includes('c1'))
    // What was sent to the server while it stood still may stand as well: once, for it knows the retry.
    expect(commands(await a.read(start))).toEqual(['c0', 'c1'])
    expect(following.records).toEqual(await a.read(start))
  })

  it('does not hold up the closing', async () => {
    const server = await serve()
    const node = await LogNode.open(jetstreamLog({ servers: server.url, cluster: newCluster() }))
    const following = node.follow(start)
    await server.freeze()
    const answer = failure(node.log.append([eventOf('ann', 'c0')]))
    const began = performance.now()
    await node.close()
    expect(performance.now() - began).toBeLessThan(4_000)
    expect(await answer).toBeInstanceOf(LogUnavailable)
    await until('the tail ends', () => following.error() !== undefined)
    expect(following.error()).toBeInstanceOf(LogUnavailable)
    server.thaw()
  })
})

describeWithNats('a stream that is not the one that it was', () => {
  const expectDamaged = async (node: LogNode, following: Following, why: RegExp): Promise<void> => {
    await until('the tail ends', () => following.error() !== undefined, 20_000)
    expect(following.error()).toBeInstanceOf(LogDamaged)
    expect((following.error() as LogDamaged).message).toMatch(why)
    expect(await failure(node.log.head)).toMatchObject({ _tag: 'LogUnavailable', message: expect.stringMatching(why) as string })
    expect(node.log.status().failure).toMatch(why)
  }

  it('was deleted and made anew: found out by who reads, and by who asks for the head', async () => {
    const server = await serve()
    const options = { servers: server.url, cluster: newCluster() }
    const a = await open(options)
    const following = follow(a)
    await a.append(...eventsOf('ann', 'c', 3))
    await until('they have come', () => following.records.length === 3)
    await operate(server, (manager) => manager.streams.delete(`curfew-${options.cluster}`))
    expect(await failure(a.log.append([eventOf('ann', 'lost')]))).toBeInstanceOf(LogUnavailable)
    const b = await open(options)
    await b.append(...eventsOf('ann', 'd', 3))
    await expectDamaged(a, following, /was made anew/)
    expect(commands(following.records)).toEqual(['c0', 'c1', 'c2'])
  })

  it('was deleted and made anew, unnoticed: an append to it is not taken for one that stands', async () => {
    const server = await serve()
    const options = { servers: server.url, cluster: newCluster() }
    const a = await open(options)
    await a.append(...eventsOf('ann', 'c', 1))
    await operate(server, (manager) => manager.streams.delete(`curfew-${options.cluster}`))
    await open(options)
    expect(await failure(a.log.append([eventOf('ann', 'astray')]))).toMatchObject({
      _tag: 'LogUnavailable', message: expect.stringContaining('was replaced') as string
    })
  })

  it('was restored from an older copy', { timeout: 60_000 }, async () => {
    const folder = temporaryFolder()
    const server = await serve(folder)
    const options = { servers: server.url, cluster: newCluster() }
    const first = await open(options)
    await first.append(eventOf('ann', 'c0'))
    await server.kill()
    const copy = temporaryFolder()
    cpSync(join(folder), copy, { recursive: true })
    await server.start()
    await until('it is back', async () => await failure(first.log.head) === undefined)
    await first.append(eventOf('ann', 'c1'))
    const following = follow(first)
    await until('they have come', () => following.records.length === 2)
    await server.kill()
    const restored = await serve(copy, server.port)
    await expectDamaged(first, following, /replaced by an older copy/)
    await restored.kill()
  })

  it('was restored from an older copy, and has grown past where it was', { timeout: 60_000 }, async () => {
    const folder = temporaryFolder()
    const server = await serve(folder)
    const options = { servers: server.url, cluster: newCluster() }
    const first = await open(options)
    await first.append(eventOf('ann', 'c0'))
    await server.kill()
    const copy = temporaryFolder()
    cpSync(folder, copy, { recursive: true })
    await server.start()
    await until('it is back', async () => await failure(first.log.head) === undefined)
    const following = follow(first)
    await first.append(eventOf('ann', 'c1'))
    await until('they have come', () => following.records.length === 2)
    await server.kill()
    // Elsewhere, so that the node does not see it before it has grown.
    const elsewhere = await serve(copy)
    const other = await LogNode.open(jetstreamLog({ ...options, servers: elsewhere.url }))
    for (let i = 0; i < 5; i++) await other.append(eventOf('ann', `d${i}`))
    await other.close()
    await elsewhere.kill()
    await serve(copy, server.port)
    await expectDamaged(first, following, /another message 2 than it had/)
    expect(commands(following.records)).toEqual(['c0', 'c1'])
  })
})

describeWithNats('events that aged', () => {
  it('are not missed by who begins at the start, and a log of which all has aged is at its head', async () => {
    const server = await serve()
    const options = { servers: server.url, cluster: newCluster(), retention: '1 second' } as const
    const a = await open(options)
    await a.append(...eventsOf('ann', 'c', 3))
    await a.append(...eventsOf('ann', 'd', 3))
    const before = await a.head()
    await until('all is gone', async () => (await a.read(start)).length === 0)
    expect(reaches(start, await a.head())).toBe(true)
    expect(reaches(before, await a.head())).toBe(true)
    const b = await open(options)
    const [live, late] = [follow(a), follow(b)]
    await b.append(...eventsOf('ann', 'e', 2))
    for (const { records } of [live, late]) await until('what is new', () => records.length === 2)
    expect(commands(live.records)).toEqual(['e0', 'e1'])
    expect(reaches(await a.head(), position(before))).toBe(true)
  })

  it('before a node took them are a loss to one that has lived on', async () => {
    const server = await serve()
    const a = await open({ servers: server.url, cluster: newCluster(), retention: '1 second' })
    const place = position(await a.append(eventOf('ann', 'c0')))
    await a.append(eventOf('ann', 'c1'))
    await until('all is gone', async () => (await a.read(start)).length === 0)
    expect(await failure(Stream.runDrain(a.log.tail(place)))).toMatchObject({
      _tag: 'LogDamaged', message: expect.stringMatching(/Messages 2 to 2 .* are gone: they aged/) as string
    })
  })
})
