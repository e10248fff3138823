import { registerHooks } from 'node:module'
import { position } from '../../../core/log/position.ts'
import { openNode } from './node.ts'
import { revocation } from './wire.ts'

/**
 * A process of its own. `leave`: joins, says so, leaves when told, and must then end by itself; told 'full', it first
 * says more than a socket takes. `die`: publishes a revocation and is gone at the end of this turn of the event loop.
 * `bare`: opens where the client is not installed.
 */
const [mode, servers = '', client = 'own'] = process.argv.slice(2)

const connectionOf = async () => {
  switch (client) {
    case 'v3': return (await import('@nats-io/transport-node')).connect({ servers })
    case 'v2': return (await import('nats')).connect({ servers })
    default: return undefined
  }
}

const options = async () => {
  const connection = await connectionOf()
  // A dial takes for ever here: nothing may wait for its end.
  return connection === undefined
    ? { cluster: 'shop', servers, connect: { timeout: 600_000 } }
    : { cluster: 'shop', connection }
}

switch (mode) {
  case 'leave': {
    const node = await openNode('child', await options())
    process.once('message', (told) => {
      process.disconnect?.()
      const large = position(Array.from({ length: 3_600 }, () => Number.MAX_SAFE_INTEGER))
      for (let i = 0; told === 'full' && i < 300; i++) node.publish({ kind: 'news', position: large })
      void node.leave()
    })
    process.send?.('joined')
    break
  }
  case 'die': {
    const node = await openNode('child', await options())
    node.publish(revocation())
    setImmediate(() => process.kill(process.pid, 'SIGKILL'))
    break
  }
  case 'bare': {
    registerHooks({
      resolve: (specifier, context, next) => {
        if (!specifier.startsWith('@nats-io/')) return next(specifier, context)
        throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' })
      }
    })
    const outcome = await openNode('child', await options()).then(
      async (node) => {
        const { connected } = node.status()
        await node.leave()
        return { connected }
      },
      (error: unknown) => error)
    const { _tag: tag, message, connected } = outcome as { _tag?: string; message?: string; connected?: boolean }
    process.stdout.write(JSON.stringify({ tag, message, connected }))
    process.exit()
  }
}
