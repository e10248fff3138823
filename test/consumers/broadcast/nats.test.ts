import * as v3 from '@nats-io/transport-node'
import * as v2 from 'nats'
import { natsBroadcast, type NatsConnection } from '../../../consumers/broadcast/nats.ts'
import { subjectOf } from '../../../consumers/broadcast/nats-wire.ts'
import { suite, type Venue } from '../../contract/broadcast.ts'
import { describeWithNats, type NatsServer, startNatsServer } from '../../support/nats-server.ts'

/** What an app should give its own connection, and a bit faster. */
const lively = {
  maxReconnectAttempts: -1, reconnectTimeWait: 50, reconnectJitter: 0, pingInterval: 500, maxPingOut: 2, timeout: 1_000
}

const venueOn = async (server: NatsServer, layer: Venue['layer'], close: () => Promise<unknown>): Promise<Venue> => {
  return {
    layer,
    inject: async (cluster, bytes) => {
      const stranger = await v3.connect({ servers: server.url })
      stranger.publish(subjectOf(cluster), bytes)
      await stranger.drain()
    },
    down: server.kill,
    up: server.start,
    still: server,
    close: async () => {
      server.thaw()
      await close()
      await server.kill()
    }
  }
}

const ofItsOwn = async (): Promise<Venue> => {
  const server = await startNatsServer()
  return venueOn(server, (options) => natsBroadcast({ servers: server.url, ...options }), async () => {})
}

/** Hands out connections that were made while the server was there. */
const handedIn = async (
  connect: (options: typeof lively & { servers: string }) => Promise<NatsConnection>
): Promise<Venue> => {
  const server = await startNatsServer()
  const connections = await Promise.all(Array.from({ length: 4 }, () => connect({ ...lively, servers: server.url })))
  const left = [...connections]
  const layer: Venue['layer'] = (options) => {
    const connection = left.shift()
    if (connection === undefined) throw new Error('no connection is left')
    return natsBroadcast({ connection, ...options })
  }
  return venueOn(server, layer, () => Promise.all(connections.map((connection) => connection.close())))
}

describeWithNats('natsBroadcast', () => {
  suite('NATS, with a connection of its own', ofItsOwn)
  suite('NATS, with a connection of @nats-io/transport-node', () => handedIn(v3.connect))
  suite('NATS, with a connection of nats 2.x', () => handedIn(v2.connect))
})
