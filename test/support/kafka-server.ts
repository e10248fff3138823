import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { type Admin, Kafka } from 'kafkajs'
import { describe } from 'vitest'
import { freeze, type Kept, startKept, thaw } from './kept.ts'
import { findJava, findKafka } from './services.ts'
import { temporaryFolder } from './temp.ts'
import { until } from './until.ts'

/** A real Kafka broker of our own, on loopback. Ends with its owner, or with this process. */
export interface KafkaServer extends AsyncDisposable {
  readonly address: string
  /** The same for who logs in: by SASL PLAIN, as the user curfew with the password `kafkaPassword`. */
  readonly guardedAddress: string
  readonly kill: () => Promise<void>
  /** Starts it again on the same port, with what it had on its disk. */
  readonly start: () => Promise<void>
  /** Resolves when it stands still. */
  readonly freeze: () => Promise<void>
  readonly thaw: () => void
}

/** A small machine in little time: it lives for seconds, and holds little. */
const javaArgs = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto']
const startedWithinMs = 60_000

/** All at once: a port that was found and given back may be found again. */
const freePorts = async (count: number): Promise<readonly number[]> => {
  const holders = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(holders.map((holder) => once(holder, 'listening')))
  const ports = holders.map((holder) => (holder.address() as AddressInfo).port)
  await Promise.all(holders.map((holder) => {
    holder.close()
    return once(holder, 'close')
  }))
  return ports
}

/** Whether it knows itself, and takes topics. */
const serves = async (address: string, brokers: number): Promise<boolean> => {
  const admin = new Kafka({
    brokers: [address], connectionTimeout: 500, requestTimeout: 2_000, retry: { retries: 0 }, logCreator: () => () => undefined
  }).admin()
  try {
    await admin.connect()
    return (await admin.describeCluster()).brokers.length === brokers
  } catch {
    return false
  } finally {
    await admin.disconnect()
  }
}

export const kafkaPassword = 'p4ss-w0rd'

/** The ports of one broker. */
interface Ports {
  readonly plain: number
  readonly guarded: number
  readonly controller: number
}

const settingsOf = (id: number, ports: Ports, voters: readonly string[], folder: string): string => `
process.roles=broker,controller
node.id=${id}
controller.quorum.voters=${voters.join(',')}
listeners=PLAINTEXT://127.0.0.1:${ports.plain},GUARDED://127.0.0.1:${ports.guarded},CONTROLLER://127.0.0.1:${ports.controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${ports.plain},GUARDED://127.0.0.1:${ports.guarded}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,GUARDED:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.guarded.plain.sasl.jaas.config=${[
  'org.apache.kafka.common.security.plain.PlainLoginModule required', `user_curfew="${kafkaPassword}";`
].join(' ')}
log.dirs=${folder}
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
num.network.threads=1
num.io.threads=2
log.initial.task.delay.ms=100
log.retention.check.interval.ms=200
log.segment.delete.delay.ms=100
log.cleaner.enable=false
`

/** Starts so many brokers, which make one cluster. */
export const startKafkaServers = async (count: number, more: readonly string[] = []): Promise<readonly KafkaServer[]> => {
  const [java, jars] = [findJava(), findKafka()]
  if (java === undefined || jars === undefined) throw new Error('there is no Kafka: npm run services gets one')
  const free = await freePorts(3 * count)
  const ports = Array.from({ length: count }, (_, i): Ports =>
    ({ plain: free[3 * i]!, guarded: free[3 * i + 1]!, controller: free[3 * i + 2]! }))
  const voters = ports.map(({ controller }, i) => `${i + 1}@127.0.0.1:${controller}`)
  const servers = ports.map((own, i): KafkaServer => {
    const folder = temporaryFolder()
    const data = join(folder, 'data')
    mkdirSync(data)
    // What "format" would write.
    writeFileSync(join(data, 'meta.properties'), `version=1\ncluster.id=Y3VyZmV3Y3VyZmV3Y3VyZg\nnode.id=${i + 1}\n`)
    const file = join(folder, 'server.properties')
    writeFileSync(file, [settingsOf(i + 1, own, voters, data), ...more].join('\n'))
    const address = `127.0.0.1:${own.plain}`
    let running: Kept | undefined
    const kill = async (): Promise<void> => {
      const ending = running
      running = undefined
      await ending?.end()
    }
    return {
      address, guardedAddress: `127.0.0.1:${own.guarded}`, kill,
      start: async () => {
        running = await startKept(java, [...javaArgs, '-cp', join(jars, '*'), 'kafka.Kafka', file])
        await until(`the broker serves at ${address}`, () => serves(address, count), startedWithinMs)
      },
      freeze: async () => {
        if (running === undefined) throw new Error('the broker does not run')
        await freeze(running)
      },
      thaw: () => { if (running !== undefined) thaw(running) },
      [Symbol.asyncDispose]: kill
    }
  })
  await Promise.all(servers.map((server) => server.start()))
  return servers
}

export const startKafkaServer = async (more: readonly string[] = []): Promise<KafkaServer> => {
  const [server] = await startKafkaServers(1, more)
  return server!
}

/** So long a broker may take to start on a busy machine, ms: for hooks. */
export const kafkaStartMsMax = startedWithinMs

/** What an operator does with his own tools. */
export const operate = async <A>(server: KafkaServer, deed: (admin: Admin) => Promise<A>): Promise<A> => {
  const admin = new Kafka({ brokers: [server.address], logCreator: () => () => undefined }).admin()
  await admin.connect()
  try {
    return await deed(admin)
  } finally {
    await admin.disconnect()
  }
}

/** A suite that needs Kafka; without one it is skipped by name. */
export const describeWithKafka = (name: string, body: () => void): void => {
  if (findKafka() === undefined || findJava() === undefined) describe.skip(`${name} (needs Kafka: npm run services)`, body)
  else describe(name, body)
}
