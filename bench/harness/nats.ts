import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { findNatsServer } from '../../test/support/services.ts'
import { Lacking } from './case.ts'

/** Runs `use` with a nats-server of its own on a free loopback port. Throws `Lacking` where there is none. */
export const withNats = async <A>(
  use: (servers: string) => Promise<A>, more: readonly string[] = []
): Promise<A> => {
  const binary = findNatsServer()
  if (binary === undefined) throw new Lacking('there is no nats-server here: npm run services gets one')
  const server = spawn(binary, ['-a', '127.0.0.1', '-p', '-1', ...more], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(server, 'exit')
  const kill = (): void => { server.kill('SIGTERM') }
  process.once('exit', kill)
  const listening = new Promise<string>((resolve) => {
    let said = ''
    server.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString('latin1')
      const port = /Listening for client connections on 127\.0\.0\.1:(\d+)[\s\S]*Server is ready/.exec(said)?.[1]
      if (port !== undefined) resolve(`nats://127.0.0.1:${port}`)
    })
  })
  const failed = ended.then(([code]) => {
    throw new Error(`nats-server ended with ${String(code)} before it was ready`)
  })
  try {
    return await use(await Promise.race([listening, failed]))
  } finally {
    kill()
    await ended
    process.removeListener('exit', kill)
  }
}
