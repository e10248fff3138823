/** The broker, the users and the rights of docs/operations.md, on a real broker. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, type Admin, Kafka, ResourcePatternTypes } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { kafkaLog } from '../core/log/kafka.ts'
import { openSessions } from '../index.ts'
import { certify } from './support/certify.ts'
import { runCliHere } from './support/cli-process.ts'
import { javaArgs } from './support/kafka-broker.ts'
import { describeWithKafka, freePorts, kafkaStartMsMax } from './support/kafka-server.ts'
import { type Kept, startKept } from './support/kept.ts'
import { findJava, findKafka } from './support/services.ts'
import { temporaryFolder } from './support/temp.ts'
import { until } from './support/until.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const text = readFileSync(join(root, 'docs/operations.md'), 'utf8')
const block = (language: string): string => new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(text)?.[1] ?? ''

const passwordOf = (user: string): string => `the-password-of-${user}`
const users = ['admin', 'shop', 'shop-setup', 'shop-archive', 'stranger']

/** What a line of kafka-acls.sh gives, as the client takes it. */
const rightsOf = (line: string) => {
  const [program, account, ...words] = line.split(' ')
  expect([program, account, words.shift()]).toEqual(['kafka-acls.sh', '$AS_ADMIN', '--add'])
  const given: Record<string, string[]> = { principal: [], operation: [], topic: [], transactional: [] }
  for (let i = 0; i < words.length; i += 2) {
    const kind = /^--(?:allow-(principal)|(operation)|(topic)|(transactional)-id)$/.exec(words[i]!)?.slice(1).find(Boolean)
    if (kind === undefined) throw new Error(`no such option: ${words[i]}`)
    given[kind]!.push(words[i + 1]!)
  }
  const resources = [
    ...given['topic']!.map((name) => [AclResourceTypes.TOPIC, name] as const),
    ...given['transactional']!.map((name) => [AclResourceTypes.TRANSACTIONAL_ID, name] as const)
  ]
  return given['principal']!.flatMap((principal) => given['operation']!.flatMap((operation) => resources.map(([type, name]) => ({
    principal, host: '*', permissionType: AclPermissionTypes.ALLOW, resourceType: type, resourceName: name,
    operation: AclOperationTypes[operation.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase() as 'READ'],
    resourcePatternType: ResourcePatternTypes.LITERAL
  }))))
}

describeWithKafka('the broker of docs/operations.md', () => {
  const folder = temporaryFolder()
  let broker: Kept
  let address: string
  let ca: string
  const connectAs = (username: string, password = passwordOf(username)) => ({
    ssl: { ca }, sasl: { mechanism: 'scram-sha-512' as const, username, password }
  })
  const asAdmin = async <A>(deed: (admin: Admin) => Promise<A>): Promise<A> => {
    const admin = new Kafka({
      // Not all the time: a machine that is busy with asking starts no broker.
      brokers: [address], ...connectAs('admin'), retry: { retries: 3, initialRetryTime: 100 }, logCreator: () => () => undefined
    }).admin()
    await admin.connect()
    return deed(admin).finally(() => admin.disconnect())
  }

  beforeAll(async () => {
    certify(folder)
    ca = readFileSync(join(folder, 'ca.crt'), 'utf8')
    const parts = ['server.key', 'server.crt'].map((name) => readFileSync(join(folder, name), 'utf8'))
    writeFileSync(join(folder, 'broker.pem'), parts.join(''))
    mkdirSync(join(folder, 'data'))
    const ports = await freePorts(3)
    address = `localhost:${ports[0]}`
    const file = join(folder, 'broker.properties')
    // One broker instead of three.
    const properties = block('properties')
      .replace(/,2@.*$/m, '').replaceAll('0.0.0.0', '127.0.0.1').replaceAll('k1.example.com', 'localhost')
      .replaceAll(/:909([345])\b/g, (_, i: string) => `:${ports[Number(i) - 3]}`)
      .replaceAll(/=(broker\.pem|ca\.crt)$/gm, (_, name: string) => `=${join(folder, name)}`)
      .replace('/var/lib/kafka', join(folder, 'data'))
      .replaceAll(/(replication\.factor|min\.isr|insync\.replicas)=[23]/g, '$1=1')
    writeFileSync(file, properties)
    const java = [...javaArgs, '-cp', join(findKafka()!, '*')]
    const scram = users.flatMap((name) => ['--add-scram', `SCRAM-SHA-512=[name=${name},password=${passwordOf(name)},iterations=4096]`])
    execFileSync(findJava()!, [
      ...java, 'kafka.tools.StorageTool', 'format', '--cluster-id', 'Y3VyZmV3Y3VyZmV3Y3VyZg', '--config', file, ...scram
    ], { stdio: 'ignore' })
    broker = await startKept(findJava()!, [...java, 'kafka.Kafka', file])
    await until('it serves', () => asAdmin((admin) => admin.describeCluster()).then(() => true, () => false), kafkaStartMsMax)
    const lines = block('sh').trim().split('\n')
    await asAdmin((admin) => admin.createAcls({ acl: lines.flatMap(rightsOf) }))
  }, 2 * kafkaStartMsMax)
  afterAll(() => broker?.end())

  const open = (node: string, user: string, password?: string) => openSessions({
    node, log: kafkaLog({ cluster: 'shop', brokers: address, connect: connectAs(user, password) })
  })

  it('lets its one user make the topic, and the nodes of the other use it', async () => {
    await expect(open('a', 'shop')).rejects.toMatchObject({
      _tag: 'LogUnusable', message: expect.stringContaining('(TOPIC_AUTHORIZATION_FAILED)') as string
    })
    await using first = await open('a', 'shop-setup')
    await using second = await open('b', 'shop')
    const { token, session } = await second.create({ subject: 'ann' })
    expect(await first.authenticate(token)).toMatchObject({ ok: true })
    await first.revoke({ id: session.id })
    await until('it is over everywhere', () => !second.validate(token).ok)
    expect(second.validate(token)).toEqual({ ok: false, reason: 'ended' })
    for (const { log, failures } of [first.health(), second.health()]) {
      expect([log.failure, failures]).toEqual([null, {}])
      expect(JSON.stringify(log)).not.toContain('password')
    }
  })

  it('lets the archiver read the log and write the archive, and nothing else', async () => {
    const archive = (user: string, topic: string) => runCliHere(
      ['archive', '--from', `kafka:${address}?cluster=shop`, '--to', `kafka:${address}?topic=${topic}`],
      { CURFEW_KAFKA_USER: user, CURFEW_KAFKA_PASSWORD: passwordOf(user), CURFEW_KAFKA_CA_FILE: join(folder, 'ca.crt') })
    const [done, elsewhere, stranger] = await Promise.all(
      [archive('shop-archive', 'sessions-archive'), archive('shop-archive', 'elsewhere'), archive('shop', 'sessions-archive')])
    expect(done).toMatchObject({ code: 0, out: expect.stringMatching(/^[1-9]\d* events archived\n$/) as string, err: '' })
    for (const { code, err } of [elsewhere, stranger]) {
      expect([code, err]).toEqual([1, expect.stringContaining('(TOPIC_AUTHORIZATION_FAILED)') as string])
    }
    const producer = new Kafka({
      brokers: [address], ...connectAs('shop-archive'), retry: { retries: 0 }, logCreator: () => () => undefined
    }).producer()
    await producer.connect()
    await expect(producer.send({ topic: 'curfew-shop', messages: [{ value: 'x' }] })).rejects.toThrow(/[Aa]uthorized/)
    await producer.disconnect()
  })

  it('lets nobody in who has no password, no rights, or no TLS', async () => {
    const plain = { sasl: connectAs('shop').sasl }
    await Promise.all([
      expect(open('c', 'shop', 'guess')).rejects.toMatchObject({ _tag: 'LogUnavailable' }),
      expect(open('c', 'stranger')).rejects.toMatchObject({ _tag: 'LogUnusable' }),
      expect(openSessions({ node: 'c', log: kafkaLog({ cluster: 'shop', brokers: address, connect: plain }) }))
        .rejects.toMatchObject({ _tag: 'LogUnavailable' })
    ])
  })

  it('makes the topic of the log as it says', async () => {
    const names = [
      'min.insync.replicas', 'unclean.leader.election.enable', 'message.timestamp.type', 'max.message.bytes', 'retention.bytes'
    ]
    const { resources: [found] } = await asAdmin((admin) => admin.describeConfigs({
      includeSynonyms: false, resources: [{ type: 2, name: 'curfew-shop', configNames: names }]
    }))
    expect(Object.fromEntries(found!.configEntries.map(({ configName, configValue }) => [configName, configValue]))).toEqual({
      'min.insync.replicas': '1', 'unclean.leader.election.enable': 'false', 'message.timestamp.type': 'LogAppendTime',
      'max.message.bytes': '1048588', 'retention.bytes': '-1'
    })
  })
})
