import { freePort } from '../support/kept.ts'
import { type NatsServer, startNatsServer } from '../support/nats-server.ts'
import { temporaryFolder } from '../support/temp.ts'
import { type Link, type Proxy, startProxy } from './proxy.ts'

/** The servers of the broadcast, and the ways between them. */
export interface Servers extends AsyncDisposable {
  readonly all: readonly NatsServer[]
  /** Spoils every route from and to a server. */
  readonly isolate: (server: number, link: Link) => void
}

/** One, or a cluster of several whose routes lead through proxies; `isLog`: with JetStream, which keeps what it has. */
export const startServers = async (count: number, isLog: boolean): Promise<Servers> => {
  await using stack = new AsyncDisposableStack()
  const routePorts = await Promise.all(Array.from({ length: count }, freePort))
  const routes: Array<{ readonly from: number; readonly to: number; readonly proxy: Proxy }> = []
  const all: NatsServer[] = []
  for (let from = 0; from < count; from++) {
    for (let to = 0; to < count; to++) {
      if (from !== to) routes.push({ from, to, proxy: stack.use(await startProxy(routePorts[to]!)) })
    }
  }
  for (let i = 0; i < count; i++) {
    const others = routes.filter(({ from }) => from === i).map(({ proxy }) => `nats-route://127.0.0.1:${proxy.port}`)
    const keeps = isLog ? ['-js', '-sd', temporaryFolder()] : []
    all.push(stack.use(await startNatsServer(count === 1 ? keeps : [
      ...keeps,
      '--name', `s${i}`, '--cluster_name', 'chaos', '--cluster', `nats://127.0.0.1:${routePorts[i]}`,
      '--no_advertise', '--routes', others.join(',')
    ])))
  }
  const owned = stack.move()
  return {
    all,
    isolate: (server, link) => {
      for (const { from, to, proxy } of routes) if (from === server || to === server) proxy.set(link)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync()
  }
}
