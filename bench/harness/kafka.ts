import { mkdirSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka } from 'kafkajs'
import { prepareBroker } from '../../test/support/kafka-broker.ts'
import { findJava, findKafka } from '../../test/support/services.ts'
import { Lacking } from './case.ts'

const startsWithinMs = 60_000
const quiet = () => () => undefined

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const serves = async (address: string): Promise<boolean> => {
  const admin = new Kafka({
    brokers: [address], connectionTimeout: 500, requestTimeout: 2_000, retry: { retries: 0 }, logCreator: quiet
  }).admin()
  try {
    await admin.connect()
    return (await admin.describeCluster()).brokers.length === 1
  } catch {
    return false
  } finally {
    await admin.disconnect()
  }
}

/** Runs `use` with a Kafka broker of its own on a free loopback port. Throws `Lacking` where there is none. */
export const withKafka = async <A>(folder: string, use: (address: string) => Promise<A>): Promise<A> => {
  const [java, jars] = [findJava(), findKafka()]
  if (java === undefined || jars === undefined) throw new Lacking('there is no Kafka here: npm run services gets one')
  mkdirSync(folder, { recursive: true })
  const [plain, guarded, controller] = [await freePort(), await freePort(), await freePort()]
  const voters = [`1@127.0.0.1:${controller}`]
  const args = prepareBroker({ id: 1, ports: { plain, guarded, controller }, voters, jars, folder })
  const broker = spawn(java, args, { stdio: 'ignore' })
  const ended = once(broker, 'exit')
  const kill = (): void => { broker.kill('SIGKILL') }
  process.once('exit', kill)
  const address = `127.0.0.1:${plain}`
  try {
    const deadline = performance.now() + startsWithinMs
    while (!await serves(address)) {
      if (broker.exitCode !== null) throw new Error(`the Kafka broker ended with ${broker.exitCode} before it was ready`)
      if (performance.now() > deadline) throw new Error('the Kafka broker did not come up in time')
      await sleep(100)
    }
    return await use(address)
  } finally {
    kill()
    await ended
    process.removeListener('exit', kill)
  }
}
