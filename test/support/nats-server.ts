import { createConnection } from 'node:net'
import { describe } from 'vitest'
import { freePort, freeze, type Kept, startKept, thaw } from './kept.ts'
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

/** A nats-server speaks first. */
const greets = (port: number): Promise<boolean> => new Promise((resolve) => {
  const socket = createConnection(port, '127.0.0.1')
  const done = (answer: boolean): void => {
    socket.destroy()
    resolve(answer)
  }
  socket.once('data', () => done(true)).once('error', () => done(false)).once('close', () => done(false))
})

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
      await freeze(running)
    },
    thaw: () => { if (running !== undefined) thaw(running) },
    [Symbol.asyncDispose]: kill
  }
}

/** A suite that needs a nats-server; without one it is skipped by name. */
export const describeWithNats = (name: string, body: () => void): void => {
  if (findNatsServer() === undefined) describe.skip(`${name} (needs a nats-server: npm run services)`, body)
  else describe(name, body)
}
