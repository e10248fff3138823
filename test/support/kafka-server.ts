import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { type Admin, Kafka } from 'kafkajs'
import { describe } from 'vitest'
import { type BrokerPorts, prepareBroker } from './kafka-broker.ts'
import { freeze, type Kept, startKept, thaw } from './kept.ts'
import { findJava, findKafka } from './services.ts'
import { temporaryFolder } from './temp.ts'
import { until } from './until.ts'

/** A real Kafka broker of our own, on loopback. Ends with its owner, or with this process. */
export interface KafkaServer extends AsyncDisposable {
  readonly address: string
  readonly port: number
  /** The same for who logs in: by SASL PLAIN, as the user curfew with the password `kafkaPassword`. */
  readonly guardedAddress: string
  readonly kill: () => Promise<void>
  /** Starts it again on the same port, with what it had on its disk. */
  readonly start: () => Promise<void>
  /** Resolves when it stands still. */
  readonly freeze: () => Promise<void>
  readonly thaw: () => void
}

const startedWithinMs = 120_000

/** All at once: a port that was found and given back may be found again. */
export const freePorts = async (count: number): Promise<readonly number[]> => {
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

/** Starts so many brokers, which make one cluster. */
export const startKafkaServers = async (count: number): Promise<readonly KafkaServer[]> => {
  const [java, jars] = [findJava(), findKafka()]
  if (java === undefined || jars === undefined) throw new Error('there is no Kafka: npm run services gets one')
  const free = await freePorts(3 * count)
  const ports = Array.from({ length: count }, (_, i): BrokerPorts =>
    ({ plain: free[3 * i]!, guarded: free[3 * i + 1]!, controller: free[3 * i + 2]! }))
  const voters = ports.map(({ controller }, i) => `${i + 1}@127.0.0.1:${controller}`)
  const servers = ports.map((own, i): KafkaServer => {
    const args = prepareBroker({ id: i + 1, ports: own, voters, jars, folder: temporaryFolder() })
    const address = `127.0.0.1:${own.plain}`
    let running: Kept | undefined
    const kill = async (): Promise<void> => {
      const ending = running
      running = undefined
      await ending?.end()
    }
    return {
      address, port: own.plain, guardedAddress: `127.0.0.1:${own.guarded}`, kill,
      start: async () => {
        running = await startKept(java, args)
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

export const startKafkaServer = async (): Promise<KafkaServer> => {
  const [server] = await startKafkaServers(1)
  return server!
}

/** So long a broker may take to start on a busy machine, ms: for hooks. */
export const kafkaStartMsMax = startedWithinMs + 10_000

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
