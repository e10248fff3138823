import * as Effect from 'effect/Effect'
import * as Redacted from 'effect/Redacted'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InvalidOptions, LogUnusable } from '../../../../core/errors.ts'
import { kafkaLog, type KafkaLogOptions } from '../../../../core/log/kafka.ts'
import { checkOptions, type Checked } from '../../../../core/log/kafka/options.ts'
import { unfitSetting, wantedConfig } from '../../../../core/log/kafka/settings.ts'
import { revealed } from '../../../../core/secret.ts'
import { newKafkaCluster } from '../../../support/kafka.ts'
import {
  describeWithKafka, kafkaStartMsMax, type KafkaServer, operate, startKafkaServer
} from '../../../support/kafka-server.ts'
import { LogNode } from '../../../support/log-node.ts'

const openError = (options: unknown): Promise<unknown> =>
  LogNode.open(kafkaLog(options as KafkaLogOptions)).then((node) => node.close(), (error: unknown) => error)

describe('the options of kafkaLog', () => {
  const cases: ReadonlyArray<readonly [string, unknown]> = [
    ['cluster', undefined], ['cluster', {}], ['cluster', { cluster: 'a.b' }],
    ['topic', { cluster: 'shop', topic: 'a b' }], ['topic', { cluster: 'shop', topic: 7 }],
    ['partitions', { cluster: 'shop', partitions: 0 }], ['partitions', { cluster: 'shop', partitions: 65 }],
    ['replicas', { cluster: 'shop', replicas: 8 }], ['replicas', { cluster: 'shop', replicas: '3' }],
    ['retention', { cluster: 'shop', retention: 'long' }], ['retention', { cluster: 'shop', retention: 0 }],
    ['brokers', { cluster: 'shop', brokers: [] }], ['brokers', { cluster: 'shop', brokers: 'u:secret@127.0.0.1:9092' }],
    ['brokers', { cluster: 'shop', brokers: ['127.0.0.1:0'] }], ['brokers', { cluster: 'shop', brokers: 'a:99999' }],
    ['connect', { cluster: 'shop', connect: 'secret' }], ['connect', { cluster: 'shop', connect: { brokers: ['secret:1'] } }],
    ['path', { cluster: 'shop', path: 'sessions.db' }]
  ]
  it.each(cases)('%s is named where it is wrong: %o', async (option, options) => {
    const error = await openError(options)
    expect(error).toBeInstanceOf(InvalidOptions)
    expect(error).toMatchObject({ option, message: expect.stringContaining(option) as string })
    expect((error as InvalidOptions).message).not.toContain('secret')
  })

  it('take addresses in every form, and secrets that are redacted', () => {
    const options = {
      cluster: 'shop', brokers: ['a.example:9093', 'b', '[::1]:9094'],
      connect: { ssl: { ca: ['c'], key: Redacted.make('k') }, sasl: { mechanism: 'plain', password: Redacted.make('p') } }
    }
    expect(Effect.runSync(revealed(options, checkOptions))).toMatchObject({
      topic: 'curfew-shop',
      brokers: [{ host: 'a.example', port: 9_093 }, { host: 'b', port: 9_092 }, { host: '::1', port: 9_094 }],
      connect: { ssl: { ca: ['c'], key: 'k' }, sasl: { mechanism: 'plain', password: 'p' } }
    })
  })
})

const checked = (options: Partial<KafkaLogOptions> = {}): Checked => checkOptions({ cluster: 'shop', ...options }) as Checked

describe('the settings of a topic', () => {
  it('that we make it with are fit', () => {
    for (const options of [checked(), checked({ retention: 'forever' }), checked({ retention: '3 seconds' })]) {
      for (const replicas of [1, 2, 3, 5]) {
        expect(unfitSetting(wantedConfig(options, replicas), options, replicas)).toBe(undefined)
      }
    }
  })

  it.each([
    ['cleanup.policy', 'compact'], ['cleanup.policy', 'compact,delete'], ['retention.ms', '3600000'], ['retention.ms', ''],
    ['retention.bytes', '1000000'], ['min.insync.replicas', '1'], ['min.insync.replicas', '4'],
    ['unclean.leader.election.enable', 'true'], ['message.timestamp.type', 'CreateTime'], ['max.message.bytes', '100000'],
    ['compression.type', 'zstd']
  ])('are told where they are wrong: %s %s', (setting, value) => {
    expect(unfitSetting({ ...wantedConfig(checked(), 3), [setting]: value }, checked(), 3))
      .toContain(`its setting ${setting} is ${value} and must be `)
  })

  it('may keep more than is asked for', () => {
    const config = wantedConfig(checked({ retention: '2 days' }), 1)
    expect(unfitSetting(config, checked({ retention: '1 day' }), 1)).toBe(undefined)
    expect(unfitSetting({ ...config, 'retention.ms': '-1' }, checked({ retention: '9 days' }), 1)).toBe(undefined)
    expect(unfitSetting(config, checked({ retention: 'forever' }), 1)).toContain('retention.ms')
  })
})

describeWithKafka('a topic that is there', () => {
  let server: KafkaServer
  beforeAll(async () => { server = await startKafkaServer() }, kafkaStartMsMax)
  afterAll(() => server.kill())

  const make = (cluster: string, other: object, numPartitions = 1) => operate(server, (admin) => admin.createTopics({
    waitForLeaders: true,
    topics: [{
      topic: `curfew-${cluster}`, numPartitions, replicationFactor: 1,
      configEntries: Object.entries({ ...wantedConfig(checked(), 1), ...other }).map(([name, value]) =>
        ({ name, value: String(value) }))
    }]
  }))

  it('and fit is used, whoever made it', async () => {
    const cluster = newKafkaCluster()
    await make(cluster, {}, 5)
    const node = await LogNode.open(kafkaLog({ brokers: server.address, cluster }))
    expect(node.log.status()).toMatchObject({
      kind: 'kafka', failure: null, details: { topic: `curfew-${cluster}`, partitions: 5, replicas: 1, inSyncMin: 1 }
    })
    await node.close()
  })

  it('is made with what is wanted where there is none, by whichever node comes first', async () => {
    const cluster = newKafkaCluster()
    const options = { brokers: server.address, cluster, partitions: 2, retention: '31 days' } as const
    const nodes = await Promise.all(Array.from({ length: 4 }, () => LogNode.open(kafkaLog(options))))
    expect(nodes[0]!.log.retentionMs).toBe(31 * 86_400_000)
    const entries = await operate(server, async (admin) => (await admin.describeConfigs({
      includeSynonyms: false, resources: [{ type: 2, name: `curfew-${cluster}` }]
    })).resources[0]!.configEntries)
    expect(Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]))).toMatchObject({
      'retention.ms': String(31 * 86_400_000), 'message.timestamp.type': 'LogAppendTime', 'cleanup.policy': 'delete'
    })
    for (const node of nodes) await node.close()
  })

  it.each([
    ['cleanup.policy', { 'cleanup.policy': 'compact' }], ['retention.ms', { 'retention.ms': 3_600_000 }],
    ['retention.bytes', { 'retention.bytes': 1_000_000 }], ['max.message.bytes', { 'max.message.bytes': 1_000 }],
    ['message.timestamp.type', { 'message.timestamp.type': 'CreateTime' }], ['min.insync.replicas', { 'min.insync.replicas': 2 }],
    ['unclean.leader.election.enable', { 'unclean.leader.election.enable': true }]
  ])('and is not fit is refused by the name of the setting: %s', async (setting, other) => {
    const cluster = newKafkaCluster()
    await make(cluster, other)
    const error = await openError({ brokers: server.address, cluster })
    expect(error).toBeInstanceOf(LogUnusable)
    expect(error).toMatchObject({
      message: expect.stringMatching(`curfew-${cluster} .*its setting ${setting} is ${String(Object.values(other)[0])} and`) as string
    })
  })

  it('and has other partitions or replicas than are asked for is refused', async () => {
    const cluster = newKafkaCluster()
    await make(cluster, {}, 2)
    expect(await openError({ brokers: server.address, cluster, partitions: 3 })).toMatchObject({
      _tag: 'LogUnusable', message: expect.stringContaining('has 2 partitions and must have 3') as string
    })
    expect(await openError({ brokers: server.address, cluster, replicas: 3 })).toMatchObject({
      _tag: 'LogUnusable', message: expect.stringContaining('has 1 replicas and must have 3') as string
    })
  })

  it('cannot be made with more replicas than there are brokers', async () => {
    expect(await openError({ brokers: server.address, cluster: newKafkaCluster(), replicas: 3 })).toMatchObject({
      _tag: 'LogUnusable', message: expect.stringContaining('INVALID_REPLICATION_FACTOR') as string
    })
  })
})
