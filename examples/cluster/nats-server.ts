import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { scheduler } from 'node:timers/promises'
import type { FromKeeper, ToKeeper } from './keeper.ts'

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const answers = (port: number): Promise<boolean> => new Promise((resolve) => {
  const socket = connect(port, '127.0.0.1')
  const done = (yes: boolean) => {
    socket.destroy()
    resolve(yes)
  }
  // A nats-server speaks first.
  socket.once('data', () => done(true)).once('error', () => done(false)).once('close', () => done(false))
})

/** A nats-server of our own on a free loopback port, which it keeps when it is started again. The keeper's child. */
export class NatsServer {
  readonly #binary: string
  readonly #args: readonly string[]
  readonly #keeper: ChildProcess
  readonly port: number
  pid: number | undefined

  private constructor(binary: string, args: readonly string[], port: number, keeper: ChildProcess) {
    this.#binary = binary
    this.#args = args
    this.port = port
    this.#keeper = keeper
    keeper.on('message', (message: FromKeeper) => {
      if (message.kind === 'ended' && message.pid === this.pid) this.pid = undefined
    })
  }

  /** Finds it a port. Starts nothing yet. */
  static async prepare(binary: string, keeper: ChildProcess, args: readonly string[] = []): Promise<NatsServer> {
    return new NatsServer(binary, args, await freePort(), keeper)
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  version(): string {
    return execFileSync(this.#binary, ['--version'], { encoding: 'utf8' }).trim()
  }

  async start(): Promise<void> {
    const args = ['--addr', '127.0.0.1', '--port', String(this.port), ...this.#args]
    this.#keeper.send({ start: this.#binary, args } satisfies ToKeeper)
    this.pid = await this.#heard('started')
    while (!await answers(this.port)) {
      if (this.pid === undefined) throw new Error(`${this.#binary} does not start on port ${this.port}`)
      await scheduler.wait(10)
    }
  }

  async kill(): Promise<void> {
    if (this.pid === undefined) return
    const ended = this.#heard('ended')
    process.kill(this.pid, 'SIGKILL')
    await ended
  }

  async #heard(kind: 'started' | 'ended'): Promise<number | undefined> {
    for (;;) {
      const [message] = await once(this.#keeper, 'message') as [FromKeeper]
      if (message.kind === kind) return message.pid
    }
  }
}
