import { execFileSync, spawn } from 'node:child_process'
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

/**
 * Starts the program that is given to it, says its process id, and ends it when its own input ends: when we say so, and
 * also when we are gone without a word, by kill -9 for instance.
 */
const keeper = 'trap "" INT TERM; "$@" >/dev/null 2>&1 </dev/null & echo $!; read -r _; kill -9 $!; wait $!'

interface Kept {
  readonly pid: number
  readonly end: () => Promise<void>
}

const startKept = async (program: string, args: readonly string[]): Promise<Kept> => {
  const child = spawn('sh', ['-c', keeper, 'sh', program, ...args], {
    stdio: ['pipe', 'pipe', 'ignore'], detached: true
  })
  const gone = once(child, 'exit')
  const [said] = await once(child.stdout, 'data') as [Buffer]
  return {
    pid: Number(said.toString('latin1')),
    end: async () => {
      child.stdin.end()
      await gone
    }
  }
}

export const startNatsServer = async (args: readonly string[] = [], givenPort?: number): Promise<NatsServer> => {
  const program = findNatsServer()
  if (program === undefined) throw new Error('there is no nats-server: npm run services gets one')
  const port = givenPort ?? await freePort()
  let running: Kept | undefined
  const start = async (): Promise<void> => {
    running = await startKept(program, ['-a', '127.0.0.1', '-p', String(port), ...args])
    await until(`the server greets on port ${port}`, () => greets(port))
  }
  const kill = async (): Promise<void> => {
    const ending = running
    running = undefined
    await ending?.end()
  }
  await start()
  return {
    port, url: `nats://127.0.0.1:${port}`, pid: () => running?.pid, kill, start,
    freeze: async () => {
      if (running === undefined) throw new Error('the server does not run')
      const { pid } = running
      process.kill(pid, 'SIGSTOP')
      const state = (): string => execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
      await until('it stands still', () => state().startsWith('T'))
    },
    thaw: () => { if (running !== undefined) process.kill(running.pid, 'SIGCONT') },
    [Symbol.asyncDispose]: kill
  }
}

/** A suite that needs a nats-server; without one it is skipped by name. */
export const describeWithNats = (name: string, body: () => void): void => {
  if (findNatsServer() === undefined) describe.skip(`${name} (needs a nats-server: npm run services)`, body)
  else describe(name, body)
}
