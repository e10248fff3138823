import { jetstreamManager, type StreamConfig } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InvalidOptions, LogUnusable } from '../../../../core/errors.ts'
import { jetstreamLog, type JetstreamLogOptions } from '../../../../core/log/jetstream.ts'
import { checkOptions, type Checked } from '../../../../core/log/jetstream/options.ts'
import { unfitSetting, wantedConfig } from '../../../../core/log/jetstream/settings.ts'
import { newCluster, startJetstream } from '../../../support/jetstream.ts'
import { LogNode } from '../../../support/log-node.ts'
import { describeWithNats, type NatsServer, startNatsServer } from '../../../support/nats-server.ts'
import { temporaryPath } from '../../../support/temp.ts'

const openError = (options: unknown): Promise<unknown> =>
  LogNode.open(jetstreamLog(options as JetstreamLogOptions)).then((node) => node.close(), (error: unknown) => error)

describe('the options of jetstreamLog', () => {
  const cases: ReadonlyArray<readonly [string, unknown]> = [
    ['cluster', undefined], ['cluster', {}], ['cluster', { cluster: 'a.b' }], ['cluster', { cluster: '>' }],
    ['stream', { cluster: 'shop', stream: 'a b' }], ['stream', { cluster: 'shop', stream: 7 }],
    ['replicas', { cluster: 'shop', replicas: 2 }], ['replicas', { cluster: 'shop', replicas: '3' }],
    ['retention', { cluster: 'shop', retention: 'long' }], ['retention', { cluster: 'shop', retention: 0 }],
    ['retention', { cluster: 'shop', retention: Infinity }], ['retention', { cluster: 'shop', retention: '40000 days' }],
    ['servers', { cluster: 'shop', servers: [] }], ['servers', { cluster: 'shop', servers: 'nats://u:secret@127.0.0.1' }],
    ['connection', { cluster: 'shop', connection: Promise.resolve() }],
    ['path', { cluster: 'shop', path: 'sessions.db' }]
  ]
  it.each(cases)('%s is named where it is wrong: %o', async (option, options) => {
    const error = await openError(options)
    expect(error).toBeInstanceOf(InvalidOptions)
    expect(error).toMatchObject({ option, message: expect.stringContaining(option) as string })
    expect((error as InvalidOptions).message).not.toContain('secret')
  })
})

const checked = (options: Partial<JetstreamLogOptions> = {}): Checked => checkOptions({ cluster: 'shop', ...options }) as Checked

describe('the settings of a stream', () => {
  it('that we make it with are fit', () => {
    for (const options of [checked(), checked({ retention: 'forever' }), checked({ retention: '3 seconds' })]) {
      expect(unfitSetting(wantedConfig(options, 3), options)).toBe(undefined)
    }
  })

  const second = 1_000_000_000
  const wrong: ReadonlyArray<readonly [string, unknown]> = [
    ['storage', 'memory'], ['subjects', ['>']], ['num_replicas', 1], ['retention', 'workqueue'], ['discard', 'old'],
    ['max_msgs', 1_000], ['max_bytes', 1_000], ['max_msg_size', 100], ['max_msgs_per_subject', 1], ['max_consumers', 2],
    ['max_age', 3_600 * second], ['max_age', -1], ['duplicate_window', second], ['duplicate_window', undefined],
    ['deny_delete', false], ['deny_purge', undefined], ['allow_rollup_hdrs', true], ['allow_msg_ttl', true],
    ['allow_msg_schedules', true], ['allow_msg_counter', true], ['subject_delete_marker_ttl', second],
    ['persist_mode', 'async'], ['no_ack', true], ['sealed', true], ['mirror', { name: 'a' }], ['sources', [{ name: 'a' }]],
    ['subject_transform', { src: '>', dest: 'x.>' }]
  ]
  it.each(wrong)('are told where they are wrong: %s %j', (setting, value) => {
    const options = checked({ replicas: 3 })
    const said = unfitSetting({ ...wantedConfig(options, 3), [setting]: value }, options)
    expect(said).toContain(`its setting ${setting} is ${JSON.stringify(value)} and must be`)
  })

  it('may keep more than is asked for', () => {
    const config = wantedConfig(checked({ retention: '2 days' }), 1)
    expect(unfitSetting(config, checked({ retention: '1 day' }))).toBe(undefined)
    expect(unfitSetting({ ...config, max_age: 0 }, checked({ retention: '9 days' }))).toBe(undefined)
    expect(unfitSetting(config, checked({ retention: 'forever' }))).toContain('max_age')
  })
})

describeWithNats('a stream that is there', () => {
  let server: NatsServer
  beforeAll(async () => { server = await startJetstream() })
  afterAll(() => server.kill())

  const make = async (cluster: string, other: object): Promise<void> => {
    const connection = await connect({ servers: server.url })
    const manager = await jetstreamManager(connection)
    await manager.streams.add({ ...wantedConfig(checked({ cluster }), 1), ...other } as unknown as StreamConfig)
    await connection.close()
  }

  it('and fit is used, whoever made it', async () => {
    const cluster = newCluster()
    await make(cluster, {})
    const node = await LogNode.open(jetstreamLog({ servers: server.url, cluster }))
    expect(node.log.status()).toMatchObject({ kind: 'jetstream', failure: null, details: { stream: `curfew-${cluster}` } })
    await node.close()
  })

  it.each([
    ['storage', { storage: 'memory' }], ['retention', { retention: 'interest' }], ['discard', { discard: 'old' }],
    ['max_age', { max_age: 3_600_000_000_000 }], ['max_bytes', { max_bytes: 1_000_000 }],
    ['deny_purge', { deny_purge: false }], ['deny_delete', { deny_delete: false }],
    ['subjects', { subjects: ['elsewhere.>'] }], ['duplicate_window', { duplicate_window: 1_000_000_000 }]
  ])('and is not fit is refused by the name of the setting: %s', async (setting, other) => {
    const cluster = newCluster()
    await make(cluster, other)
    const error = await openError({ servers: server.url, cluster })
    expect(error).toBeInstanceOf(LogUnusable)
    expect(error).toMatchObject({ message: expect.stringMatching(`curfew-${cluster} .*its setting ${setting} is `) as string })
  })

  it('and has other replicas than are asked for is refused', async () => {
    const cluster = newCluster()
    await make(cluster, {})
    expect(await openError({ servers: server.url, cluster, replicas: 3 })).toMatchObject({
      _tag: 'LogUnusable', message: expect.stringContaining('num_replicas is 1 and must be 3') as string
    })
  })

  it('and keeps the subject of ours is named by the server', async () => {
    const cluster = newCluster()
    await make(cluster, { name: 'other' })
    expect(await openError({ servers: server.url, cluster })).toMatchObject({
      _tag: 'LogUnusable', message: expect.stringContaining('subjects overlap') as string
    })
  })

  it('cannot be made with more replicas than there are servers', async () => {
    expect(await openError({ servers: server.url, cluster: newCluster(), replicas: 3 })).toMatchObject({
      _tag: 'LogUnusable', message: expect.stringContaining('replicas') as string
    })
  })

  it('is not looked for long where JetStream is off, and the error says so', { timeout: 40_000 }, async () => {
    await using plain = await startNatsServer()
    expect(await openError({ servers: plain.url, cluster: newCluster() })).toMatchObject({
      _tag: 'LogUnavailable', message: expect.stringContaining('JetStream is not enabled') as string
    })
  })
})

describeWithNats('a server', () => {
  it('that takes only small messages is refused', async () => {
    const file = temporaryPath('server.conf')
    writeFileSync(file, 'max_payload: 65536')
    await using server = await startJetstream('-c', file)
    expect(await openError({ servers: server.url, cluster: newCluster() })).toMatchObject({
      _tag: 'LogUnusable', message: expect.stringContaining('max_payload') as string
    })
  })
})
