/**
 * One app node: an HTTP server that embeds Curfew. This file and app.ts are all that an app needs; the others run the
 * cluster, measure it and tell the story.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { natsBroadcast } from '../../consumers/broadcast/nats.ts'
import { jetstreamLog } from '../../core/log/jetstream.ts'
import { kafkaLog } from '../../core/log/kafka.ts'
import { openSessions, sqliteLog } from '../../index.ts'
import { app } from './app.ts'
import { maxStalenessMs } from './settings.ts'
import { serveParent } from './wire.ts'
import { Witness } from './witness.ts'

// The parent is gone, however it ended: nobody is left to stop this node.
process.once('disconnect', () => process.exit(0))
if (process.connected === false) process.exit(0)

const { values: { node = 'app-1', log = 'sessions.db', nats } } = parseArgs({
  options: { node: { type: 'string' }, log: { type: 'string' }, nats: { type: 'string' } }
})

/** The log at an address of NATS or Kafka, or in a file. */
const openLog = (where: string) => {
  const [, scheme, address = ''] = /^(nats|kafka):\/\/(.+)$/.exec(where) ?? []
  if (scheme === 'nats') return jetstreamLog({ servers: where, cluster: 'example' })
  return scheme === 'kafka' ? kafkaLog({ brokers: address, cluster: 'example', partitions: 3 }) : sqliteLog({ path: where })
}

const sessions = await openSessions({
  node,
  log: openLog(log),
  ...(nats === undefined ? {} : {
    broadcast: natsBroadcast({ servers: nats, cluster: 'example', key: 'a real one is random, and a secret' })
  }),
  limits: { idle: '30 minutes', absolute: '12 hours', renew: '1 hour' },
  maxStaleness: maxStalenessMs
})

const server = createServer(app(sessions))
server.listen(0, '127.0.0.1', () => {
  serveParent({ port: (server.address() as AddressInfo).port, witness: new Witness(sessions), sessions })
})

const stop = async () => {
  server.close()
  server.closeAllConnections()
  await sessions.close()
  process.exit(0)
}
process.once('SIGTERM', stop)
process.once('SIGINT', stop)
