import * as Config from 'effect/Config'
import * as ConfigProvider from 'effect/ConfigProvider'
import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import * as Redacted from 'effect/Redacted'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { natsBroadcast } from '../../consumers/broadcast/nats.ts'
import { InvalidOptions } from '../../core/errors.ts'
import { jetstreamLog } from '../../core/log/jetstream.ts'
import { sqliteLog, verifyLog } from '../../core/log/sqlite.ts'
import { revealed } from '../../core/secret.ts'
import { Broadcast, NodeIdentity } from '../../core/store/broadcast.ts'
import { describeWithNats, startNatsServer } from '../support/nats-server.ts'
import { temporaryPath } from '../support/temp.ts'
import { until } from '../support/until.ts'

const secret = 'correct-horse-battery-staple'
const provided = (found: unknown) => Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(found)))
const asIs = (plain: unknown): unknown => plain
const reveal = (options: unknown, found: unknown = {}): Promise<unknown> =>
  Effect.runPromise(Effect.result(revealed(options, asIs)).pipe(provided(found)))

describe('options with secrets', () => {
  it.each([
    ['as they are', { key: secret }],
    ['redacted', { key: Redacted.make(secret) }],
    ['from the configuration', { key: Config.Redacted('CURFEW_KEY') }],
    ['from the configuration, as text', { key: Config.String('CURFEW_KEY') }]
  ])('are opened where they are given %s', async (_, options) => {
    expect(await reveal(options, { CURFEW_KEY: secret })).toMatchObject({ success: { key: secret } })
  })

  it('are opened at any depth, and what is no plain object stays itself', async () => {
    const bytes = new Uint8Array(16)
    class Client { readonly secret = Redacted.make(secret) }
    const client = new Client()
    const opened = await reveal({ connect: { tls: { key: Redacted.make(secret) }, client }, bytes, list: [1] })
    expect(opened).toMatchObject({ success: { connect: { tls: { key: secret } }, bytes, list: [1] } })
    expect((opened as { success: { connect: { client: unknown } } }).success.connect.client).toBe(client)
  })

  it('are the very same where none is wrapped', async () => {
    const options = { connect: { pass: 'x' } }
    expect((await reveal(options) as { success: unknown }).success).toBe(options)
  })

  it('may go round in a circle, like all that plain JavaScript may pass', async () => {
    const circle: Record<string, unknown> = { key: Redacted.make('k') }
    circle['connect'] = { circle }
    expect(await Effect.runPromise(revealed(circle, (plain) => (plain as { readonly key: string }).key))).toBe('k')
    delete circle['key']
    expect(await Effect.runPromise(revealed(circle, () => 'checked'))).toBe('checked')
  })

  it('that are missing fail by the names of the option and of the variable', async () => {
    expect(await reveal({ connect: { pass: Config.Redacted('NATS_PASSWORD') } })).toMatchObject({
      failure: new InvalidOptions({
        option: 'connect.pass',
        message: 'The option connect.pass could not be read from the configuration: look at NATS_PASSWORD.'
      })
    })
  })

  it('that are not fit fail without a word of what was found', async () => {
    const failed = await reveal({ key: Config.Int('CURFEW_KEY') }, { CURFEW_KEY: secret })
    expect(failed).toMatchObject({ failure: { option: 'key' } })
    expect(inspect(failed, { depth: 20, showHidden: true })).not.toContain(secret)
  })

  it('do not show where they are printed', () => {
    for (const key of [Redacted.make(secret), Config.Redacted('CURFEW_KEY')]) {
      expect(inspect(sqliteLog({ key }), { depth: 20, showHidden: true }) + JSON.stringify({ key })).not.toContain(secret)
    }
  })
})

describe('the key of a log in a file', () => {
  it('may be redacted, or come from the configuration', async () => {
    const path = temporaryPath('log.db')
    const opened = Effect.scoped(Layer.build(sqliteLog({ path, key: Config.Redacted('CURFEW_KEY') })))
    await Effect.runPromise(opened.pipe(provided({ CURFEW_KEY: secret })))
    expect(await Effect.runPromise(verifyLog(path, { key: Redacted.make(secret) }))).toMatchObject({ problem: null })
    expect(await Effect.runPromise(Effect.flip(opened).pipe(provided({})))).toMatchObject({ option: 'key' })
    expect(await Effect.runPromise(Effect.flip(opened).pipe(provided({ CURFEW_KEY: 'short' })))).toMatchObject({
      option: 'key', message: expect.stringContaining('16 to 1024 bytes') as string
    })
  })
})

describeWithNats('a server that asks for a password', () => {
  it('gets the one that was redacted, from log and broadcast', async () => {
    const server = await startNatsServer(['-js', '-sd', temporaryPath('js'), '--user', 'app', '--pass', secret])
    const connect = { user: 'app', pass: Config.Redacted('NATS_PASSWORD') }
    const options = { servers: server.url, cluster: 'secret', connect }
    const self = Layer.succeed(NodeIdentity, { node: 'a', incarnation: 'i' })
    await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      yield* Layer.build(jetstreamLog(options))
      const broadcast = Context.get(yield* Layer.build(natsBroadcast(options).pipe(Layer.provide(self))), Broadcast)
      yield* Effect.promise(() => until('the broadcast is connected', () => broadcast.status().connected))
    })).pipe(provided({ NATS_PASSWORD: secret })))
    const wrong = Effect.scoped(Layer.build(jetstreamLog({ ...options, connect: { user: 'app', pass: Redacted.make('x') } })))
    expect(await Effect.runPromise(Effect.flip(wrong))).toMatchObject({ _tag: 'LogUnavailable' })
  })
})
