import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'
import { describe } from 'vitest'
import { findNatsServer } from './services.ts'
import { until } from './until.ts'

/** A real nats-server of our own, on loopback. Ends with its owner, or with this process. */
export interface NatsServer extends AsyncDisposable {
  readonly port: number
  readonly url: string
  readonly pid: () => number | undefined
  readonly kill: () => Promise<void>
  /** Starts it again on the same port. */
  readonly start: () => Promise<void>
  /** Resolves when it stands still. */
  readonly freeze: () => Promise<void>
  readonly thaw: () => void
}

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A nats-server speaks first. */
const greets = (port: number): Promise<boolean> => new Promise((resolve) => {
  const socket = createConnection(port, '127.0.0.1')
  const done = (answer: boolean): void => {
    socket.destroy()
    resolve(answer)
  }
  socket.once('data', () => done(true)).once('error', () => done(false)).once('close', () => done(false))
})

const running = new Set<ChildProcess>()
process.on('exit', () => { for (const child of running) child.kill('SIGKILL') })

export const startNatsServer = async (args: readonly string[] = [], givenPort?: number): Promise<NatsServer> => {
  const binary = findNatsServer()
  if (binary === undefined) throw new Error('there is no nats-server: npm run services gets one')
  const port = givenPort ?? await freePort()
  let child: ChildProcess | null = null
  const start = async (): Promise<void> => {
    const started = spawn(binary, ['-a', '127.0.0.1', '-p', String(port), ...args], { stdio: 'ignore' })
    child = started
    running.add(started)
    started.once('exit', () => running.delete(started))
    await until('the server greets', () => greets(port))
  }
  const kill = async (): Promise<void> => {
    const ending = child
    child = null
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return
    const gone = once(ending, 'exit')
    ending.kill('SIGKILL')
    await gone
  }
  await start()
  return {
    port, url: `nats://127.0.0.1:${port}`, pid: () => child?.pid, kill, start,
    freeze: async () => {
      const pid = String(child?.pid)
      child?.kill('SIGSTOP')
      await until('it stands still', () => execFileSync('ps', ['-o', 'stat=', '-p', pid], { encoding: 'utf8' }).startsWith('T'))
    },
    thaw: () => { child?.kill('SIGCONT') },
    [Symbol.asyncDispose]: kill
  }
}

/** A suite that needs a nats-server; without one it is skipped by name. */
export const describeWithNats = (name: string, body: () => void): void => {
  if (findNatsServer() === undefined) describe.skip(`${name} (needs a nats-server: npm run services)`, body)
  else describe(name, body)
}
