import * as v3 from '@nats-io/transport-node'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import * as v2 from 'nats'
import { afterEach, expect, it } from 'vitest'
import { subjectOf } from '../../../consumers/broadcast/nats-wire.ts'
import type { NatsOptions } from '../../../consumers/broadcast/nats.ts'
import { InvalidOptions } from '../../../core/errors.ts'
import type { Message } from '../../../core/store/broadcast.ts'
import { temporaryPath } from '../../support/temp.ts'
import { freePort } from '../../support/kept.ts'
import { describeWithNats, type NatsServer, startNatsServer } from '../../support/nats-server.ts'
import { until } from '../../support/until.ts'
import { type NatsNode, openNode } from './node.ts'
import { revocation } from './wire.ts'

const goodbye: Message = { kind: 'goodbye' }
const atEnd: Array<() => Promise<unknown>> = []
afterEach(async () => { for (const end of atEnd.splice(0).reverse()) await end() })

const serve = async (args?: readonly string[]): Promise<NatsServer> => {
  const server = await startNatsServer(args)
  atEnd.push(server.kill)
  return server
}
const join = async (node: string, options: Partial<NatsOptions>): Promise<NatsNode> => {
  const joined = await openNode(node, { cluster: 'shop', ...options })
  atEnd.push(joined.leave)
  return joined
}
const speak = async (from: NatsNode, to: NatsNode): Promise<void> => {
  const before = to.heard.length
  expect(from.publish(goodbye)).toBe(true)
  await until('it is heard', () => to.heard.length > before)
}
const clients = ['own', 'v3', 'v2'] as const

const child = (...args: readonly string[]): ChildProcess => {
  const started = fork(new URL('child.ts', import.meta.url), args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  atEnd.push(async () => {
    if (started.exitCode !== null || started.signalCode !== null) return
    const gone = once(started, 'exit')
    started.kill('SIGKILL')
    await gone
  })
  return started
}

describeWithNats('the options of natsBroadcast', () => {
  const cases: ReadonlyArray<readonly [string, unknown, string]> = [
    ['nothing', undefined, 'cluster'],
    ['no cluster', {}, 'cluster'],
    ['a cluster that would be two parts of a subject', { cluster: 'a.b' }, 'cluster'],
    ['a cluster that would be any', { cluster: '*' }, 'cluster'],
    ['a cluster without a name', { cluster: '' }, 'cluster'],
    ['a long cluster', { cluster: 'x'.repeat(65) }, 'cluster'],
    ['a short key', { cluster: 'shop', key: 'fifteen letters' }, 'key'],
    ['a key that is none', { cluster: 'shop', key: 42 }, 'key'],
    ['no servers', { cluster: 'shop', servers: [] }, 'servers'],
    ['a server that is none', { cluster: 'shop', servers: 'nats://' }, 'servers'],
    ['a web socket', { cluster: 'shop', servers: 'wss://127.0.0.1' }, 'servers'],
    ['a password in an address', { cluster: 'shop', servers: 'nats://user:pass@127.0.0.1' }, 'servers'],
    ['a promise of a connection', { cluster: 'shop', connection: Promise.resolve() }, 'connection'],
    ['a misspelt option', { cluster: 'shop', server: '127.0.0.1' }, 'server']
  ]
  it.each(cases)('are checked: %s', async (_, options, option) => {
    const error = await openNode('a', options as NatsOptions).then(() => undefined, (reason: unknown) => reason)
    expect(error).toBeInstanceOf(InvalidOptions)
    expect(error).toMatchObject({ option })
    expect((error as InvalidOptions).message).not.toContain('pass@')
  })

  it('take an address without scheme or port, and either key', async () => {
    const server = await serve()
    const a = await join('a', { servers: `localhost:${server.port}`, key: 'sixteen letters!' })
    const b = await join('b', { servers: [`127.0.0.1:${server.port}`], key: Buffer.from('sixteen letters!') })
    await speak(a, b)
  })
})

describeWithNats('a connection of our own', () => {
  it('logs in', async () => {
    const server = await serve(['--user', 'curfew', '--pass', 's3cret'])
    const a = await join('a', { servers: server.url, connect: { user: 'curfew', pass: 's3cret' } })
    expect(a.status()).toMatchObject({ connected: true, failure: null })
  })

  it('that is not let in says why, and not with what', async () => {
    const server = await serve(['--user', 'curfew', '--pass', 's3cret'])
    const a = await join('a', { servers: server.url, connect: { user: 'curfew', pass: 'wr0ng' } })
    await until('it was told', () => /authorization/i.test(a.status().failure ?? ''))
    expect(a.status().connected).toBe(false)
    expect(a.status().failure).not.toContain('wr0ng')
  })

  it('is not taken for one while it may not hear', async () => {
    const config = temporaryPath('nats.conf')
    writeFileSync(config, `authorization { users: [{ user: u, password: p, permissions: { subscribe: "other.>" } }] }`)
    const server = await serve(['-c', config])
    const a = await join('a', { servers: server.url, connect: { user: 'u', pass: 'p' } })
    await until('it was told', () => a.status().failure?.includes('Permissions Violation') ?? false)
    expect(a.status().connected).toBe(false)
    expect(a.publish(goodbye)).toBe(false)
  })

  it('that may not speak says so', async () => {
    const config = temporaryPath('nats.conf')
    writeFileSync(config, `authorization { users: [{ user: u, password: p, permissions: { publish: "other.>" } }] }`)
    const server = await serve(['-c', config])
    const a = await join('a', { servers: server.url, connect: { user: 'u', pass: 'p' } })
    a.publish(goodbye)
    await until('it was told', () => a.status().failure?.includes('Permissions Violation') ?? false)
  })
})

describeWithNats('several servers', () => {
  it('begins with the server that answers, and goes to another when that is gone', async () => {
    const [frozen, first, second] = [await serve(), await serve(), await serve()]
    await frozen.freeze()
    const servers = [`nats://127.0.0.1:${await freePort()}`, frozen.url, first.url]
    const a = await join('a', { servers: [...servers, second.url] })
    const b = await join('b', { servers })
    const c = await join('c', { servers: second.url })
    // Those two servers are strangers to each other: who hears whom tells where a is.
    a.publish(goodbye)
    await until('somebody has heard it', () => b.heard.length + c.heard.length === 1)
    await (b.heard.length === 1 ? first : second).kill()
    await until('a has noticed', () => !a.status().connected)
    await until('a is back', () => a.status().connected)
    await speak(a, b.heard.length === 1 ? c : b)
  })

  it('gives up a server that says nothing, and says so', async () => {
    const server = await serve()
    await server.freeze()
    const a = await join('a', { servers: server.url, connect: { timeout: 200 } })
    await until('it is known', () => a.status().failure?.includes('no answer within 200 ms') ?? false)
  })

  it('goes to a server that it was only told of', async () => {
    const [route, otherRoute] = [await freePort(), await freePort()]
    const part = (own: number, other: number) =>
      ['--cluster_name', 'c', '--cluster', `nats://127.0.0.1:${own}`, '--routes', `nats://127.0.0.1:${other}`]
    const named = await serve(part(route, otherRoute))
    const told = await serve(part(otherRoute, route))
    const probe = await v3.connect({ servers: named.url })
    atEnd.push(() => probe.close())
    await until('they are one cluster', () =>
      probe.info?.connect_urls?.some((url) => url.endsWith(`:${told.port}`)) ?? false)
    const a = await join('a', { servers: named.url })
    const b = await join('b', { servers: told.url })
    await until('they hear each other', () => {
      a.publish(goodbye)
      return b.heard.length > 0
    })
    await named.kill()
    await until('a has noticed', () => !a.status().connected)
    await until('a is back', () => a.status().connected)
    await speak(a, b)
  })
})

describeWithNats('a connection of the app', () => {
  /** How many listen to its events; each of the clients keeps them elsewhere. */
  const listeners = (connection: unknown): number => {
    const { protocol, listeners: own } = connection as { protocol: { listeners: unknown[] }; listeners?: unknown[] }
    return (own ?? protocol.listeners).length
  }

  it.each([['v3', v3.connect], ['v2', v2.connect]] as const)('is left open and as it was: %s', async (_, connect) => {
    const server = await serve()
    const connection = await connect({ servers: server.url })
    atEnd.push(() => connection.close())
    const before = listeners(connection)
    const a = await openNode('a', { cluster: 'shop', connection })
    const b = await join('b', { servers: server.url })
    await speak(b, a)
    expect(listeners(connection)).toBe(before + 1)
    await a.leave()
    expect(connection.isClosed()).toBe(false)
    await until('nobody listens to its events', () => listeners(connection) === before)
    await b.leave()
    // Nobody is subscribed any more: the server itself says so.
    await expect(connection.request(subjectOf('shop'))).rejects.toThrow(/responders|503/i)
    const again = await join('a', { connection })
    const c = await join('c', { servers: server.url })
    await speak(c, again)
    await speak(again, c)
  })

  it('serves two nodes of one process', async () => {
    const server = await serve()
    const connection = await v3.connect({ servers: server.url })
    atEnd.push(() => connection.close())
    const [a, b] = [await join('a', { connection }), await join('b', { connection })]
    await speak(a, b)
    await speak(b, a)
    expect(a.heard.length).toBe(1)
  })

  it('that was closed is told of, and nothing breaks', async () => {
    const server = await serve()
    const connection = await v3.connect({ servers: server.url })
    const a = await join('a', { connection })
    await connection.close()
    await until('it is known', () => !a.status().connected)
    expect(a.status().failure).toContain('closed')
    expect(a.publish(revocation())).toBe(false)
    const b = await join('b', { connection })
    expect(b.status().connected).toBe(false)
  })
})

describeWithNats('a process that is killed at the end of the turn in which it published a revocation', () => {
  it.each(clients)('has sent it (connection: %s)', async (client) => {
    const server = await serve()
    const a = await join('a', { servers: server.url })
    const process = child('die', server.url, client)
    expect(await once(process, 'exit')).toEqual([null, 'SIGKILL'])
    await until('it has come', () => a.heard.length === 1)
    expect(a.heard[0]?.[0]).toEqual(revocation())
  })
})

describeWithNats('a process that leaves', () => {
  const outages: ReadonlyArray<{
    readonly how: string
    readonly outage: (server: NatsServer) => Promise<void>
    readonly when: 'before' | 'after'
    readonly told?: 'full'
  }> = [
    { how: 'after a connected life', outage: async () => {}, when: 'after' },
    { how: 'after its server was killed', outage: (server) => server.kill(), when: 'after' },
    { how: 'while its server stands still', outage: (server) => server.freeze(), when: 'after' },
    {
      how: 'while its server stands still and its socket is full', outage: (server) => server.freeze(), when: 'after',
      told: 'full'
    },
    { how: 'without ever having had a server', outage: (server) => server.kill(), when: 'before' },
    { how: 'with a server that stood still from the start', outage: (server) => server.freeze(), when: 'before' }
  ]
  it.each(outages)('ends by itself $how', async ({ outage, when, told = 'leave' }) => {
    const server = await serve()
    if (when === 'before') await outage(server)
    const process = child('leave', server.url)
    await once(process, 'message')
    if (when === 'after') await outage(server)
    process.send(told)
    expect(await once(process, 'exit')).toEqual([0, null])
  })
})

describeWithNats('without the client', () => {
  const run = async (...args: readonly string[]): Promise<unknown> => {
    const process = child('bare', ...args)
    let text = ''
    process.stdout?.on('data', (chunk) => { text += String(chunk) })
    await once(process, 'exit')
    return JSON.parse(text)
  }

  it('says what to install', async () => {
    expect(await run('127.0.0.1')).toMatchObject({
      tag: 'BroadcastUnavailable', message: expect.stringContaining('npm install @nats-io/transport-node')
    })
  })

  it('works with a connection that is handed in', async () => {
    const server = await serve()
    expect(await run(server.url, 'v2')).toEqual({ connected: true })
  })
})
