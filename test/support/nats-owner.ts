/** A process that starts a nats-server, says its process id, and waits to be killed. */
import { startNatsServer } from './nats-server.ts'

const server = await startNatsServer()
process.send?.(server.pid())
