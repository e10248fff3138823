import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type NatsServer, startNatsServer } from './nats-server.ts'
import { temporaryFolder } from './temp.ts'

/** Three real nats-servers of our own, clustered, on loopback. They end with their owner, or with this process. */
export interface NatsCluster extends AsyncDisposable {
  /** By number, from 0; their names are n0, n1 and n2. Each is killed, started again, frozen and thawed by itself. */
  readonly servers: readonly NatsServer[]
  readonly urls: readonly string[]
  readonly named: (name: string) => NatsServer
  readonly kill: () => Promise<void>
}

const size = 3

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

/** Starts them. That they have agreed on a leader takes a few seconds more. */
export const startNatsCluster = async (): Promise<NatsCluster> => {
  const folder = temporaryFolder()
  const ports = await freePorts(2 * size)
  const routes = ports.slice(size).map((port) => `"nats-route://127.0.0.1:${port}"`).join(', ')
  const servers = await Promise.all(Array.from({ length: size }, (_, i) => {
    const home = join(folder, `n${i}`)
    mkdirSync(home)
    const file = join(home, 'server.conf')
    writeFileSync(file, `
      server_name: n${i}
      ping_interval: "1s"
      ping_max: 2
      jetstream { store_dir: "${home}" }
      cluster { name: test, listen: "127.0.0.1:${ports[size + i]!}", routes: [${routes}] }
    `)
    return startNatsServer(['-c', file], ports[i]!)
  }))
  const kill = async (): Promise<void> => { await Promise.all(servers.map((server) => server.kill())) }
  return {
    servers, kill,
    urls: servers.map(({ url }) => url),
    named: (name) => servers[Number(name.slice(1))]!,
    [Symbol.asyncDispose]: kill
  }
}
