import * as Config from 'effect/Config'
import { connect } from '@nats-io/transport-node'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { natsBroadcast } from '../consumers/broadcast/nats.ts'
import { jetstreamLog } from '../core/log/jetstream.ts'
import { openSessions } from '../index.ts'
import { certify } from './support/certify.ts'
import { describeWithNats, type NatsServer, startNatsServer } from './support/nats-server.ts'
import { temporaryFolder } from './support/temp.ts'
import { until } from './support/until.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const text = readFileSync(join(root, 'docs/operations.md'), 'utf8')
const block = (language: string): string => new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(text)?.[1] ?? ''

const passwords = { SHOP_PASSWORD: 'node-password-of-this-test', SHOP_SETUP_PASSWORD: 'setup-password-of-this-test' }

describeWithNats('the server of docs/operations.md', () => {
  const folder = temporaryFolder()
  const tls = { caFile: join(folder, 'ca.crt') }
  let server: NatsServer
  let isWritingThrough = true
  beforeAll(async () => {
    certify(folder)
    const conf = block('conf').replace('listen: "0.0.0.0:4222"\n', '')
      .replaceAll(/"(server\.\w+|ca\.crt|jetstream)"/g, (_, name: string) => JSON.stringify(join(folder, name)))
    writeFileSync(join(folder, 'server.conf'), conf)
    Object.assign(process.env, passwords)
    server = await startNatsServer(['-c', join(folder, 'server.conf')]).catch(() => {
      // Servers before 2.10 do not know how to.
      isWritingThrough = false
      writeFileSync(join(folder, 'server.conf'), conf.replace('sync_interval: always', ''))
      return startNatsServer(['-c', join(folder, 'server.conf')])
    })
    return server.kill
  })
  afterAll(() => { for (const name of Object.keys(passwords)) delete process.env[name] })

  const open = (node: string, user: string, pass: string) => {
    const nats = { servers: `tls://localhost:${server.port}`, cluster: 'shop', connect: { user, pass: Config.Redacted(pass), tls } }
    return openSessions({ node, log: jetstreamLog(nats), broadcast: natsBroadcast({ ...nats, key: 'a key of sixteen bytes' }) })
  }

  it('makes the stream for its one user, and serves the nodes of the other', async () => {
    await expect(open('a', 'shop', 'SHOP_PASSWORD')).rejects.toMatchObject({
      _tag: 'LogUnusable', message: expect.stringMatching(/permissions violation.*STREAM.CREATE.curfew-shop/i) as string
    })
    await using first = await open('a', 'shop-setup', 'SHOP_SETUP_PASSWORD')
    await using second = await open('b', 'shop', 'SHOP_PASSWORD')
    await until('both hear each other', () => [first, second].every((one) => one.health().broadcast?.connected === true
      && one.health().nodes.length === 1))
    const { token, session } = await second.create({ subject: 'ann' })
    expect(await first.authenticate(token)).toMatchObject({ ok: true })
    const { confirmedBy } = await first.revoke({ id: session.id }, { confirm: 'cluster' })
    expect(confirmedBy.toSorted()).toEqual(['a', 'b'])
    expect(second.validate(token)).toEqual({ ok: false, reason: 'ended' })
    for (const { log, failures } of [first.health(), second.health()]) {
      expect([log.failure, failures]).toEqual([null, {}])
      expect(JSON.stringify(log)).not.toContain('password')
    }
  })

  it('lets a node change nothing of the stream', async () => {
    const connection = await connect({
      servers: server.url.replace('nats:', 'tls:').replace('127.0.0.1', 'localhost'), tls, user: 'shop', pass: passwords.SHOP_PASSWORD
    })
    const verbs = ['STREAM.DELETE', 'STREAM.PURGE', 'STREAM.UPDATE', 'STREAM.MSG.DELETE']
    for (const verb of verbs) {
      await expect(connection.request(`$JS.API.${verb}.curfew-shop`, '{}', { timeout: 2_000 })).rejects.toThrow(/permission/i)
    }
    await connection.close()
  })

  it('lets nobody in who has no password, or no TLS', async () => {
    const of = (options: Parameters<typeof connect>[0]) =>
      connect({ timeout: 2_000, reconnect: false, ...options }).then((one) => one.close().then(() => 'connected'), () => 'refused')
    expect(await of({ servers: `tls://localhost:${server.port}`, tls })).toBe('refused')
    expect(await of({ servers: `tls://localhost:${server.port}`, tls, user: 'shop', pass: 'guess' })).toBe('refused')
    expect(await of({ servers: `tls://localhost:${server.port}`, user: 'shop', pass: passwords.SHOP_PASSWORD })).toBe('refused')
  })

  it('writes through where it can', () => {
    if (isWritingThrough) expect(readFileSync(join(folder, 'server.conf'), 'utf8')).toContain('sync_interval: always')
  })
})
