import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { findRedisServer } from '../../test/support/services.ts'
import { Lacking } from './case.ts'

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('the system gave no port')
  return address.port
}

export interface Redis {
  readonly url: string
  readonly stop: () => Promise<void>
}

/** Starts a redis-server of its own on a free loopback port, in memory only. Throws `Lacking` where there is none. */
export const startRedis = async (): Promise<Redis> => {
  const binary = findRedisServer()
  if (binary === undefined) throw new Lacking('there is no redis-server here: npm run services -- --bench gets one')
  const port = await freePort()
  const options = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no']
  const server = spawn(binary, options, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(server, 'exit')
  const kill = (): void => { server.kill('SIGTERM') }
  process.once('exit', kill)
  const ready = new Promise<void>((resolve) => {
    let said = ''
    server.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString('latin1')
      if (said.includes('Ready to accept connections')) resolve()
    })
  })
  await Promise.race([ready, ended.then(([code]) => {
    throw new Error(`redis-server ended with ${String(code)} before it was ready`)
  })])
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      kill()
      await ended
      process.removeListener('exit', kill)
    }
  }
}
