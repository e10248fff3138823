import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { homedir } from 'node:os'
import { until } from '../../support/until.ts'

/** A real nats-server of our own, on loopback. */
export interface NatsServer {
  readonly port: number
  readonly url: string
  readonly kill: () => Promise<void>
  /** Starts it again on the same port. */
  readonly start: () => Promise<void>
  /** Resolves when it stands still. */
  readonly freeze: () => Promise<void>
  readonly thaw: () => void
}

const binary = process.env['NATS_SERVER'] ?? [`${homedir()}/go/bin/nats-server`].find(existsSync) ?? 'nats-server'

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

const greets = (port: number): Promise<boolean> => new Promise((resolve) => {
  const socket = createConnection(port, '127.0.0.1')
  const done = (answer: boolean): void => {
    socket.destroy()
    resolve(answer)
  }
  socket.once('data', () => done(true)).once('error', () => done(false)).once('close', () => done(false))
})

export const startNatsServer = async (args: readonly string[] = []): Promise<NatsServer> => {
  const port = await freePort()
  let running: ChildProcess | null = null
  const start = async (): Promise<void> => {
    const child = spawn(binary, ['-a', '127.0.0.1', '-p', String(port), ...args], { stdio: 'ignore' })
    running = child
    await until('the server greets', () => greets(port))
  }
  const kill = async (): Promise<void> => {
    const child = running
    running = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  await start()
  return {
    port, url: `nats://127.0.0.1:${port}`, kill, start,
    freeze: async () => {
      const pid = String(running?.pid)
      running?.kill('SIGSTOP')
      await until('it stands still', () => execFileSync('ps', ['-o', 'stat=', '-p', pid], { encoding: 'utf8' }).startsWith('T'))
    },
    thaw: () => { running?.kill('SIGCONT') }
  }
}
