import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { scheduler } from 'node:timers/promises'

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
  socket.once('data', () => done(true)).once('error', () => done(false))
})

/** A nats-server of our own on a free loopback port, which it keeps when it is started again. */
export class NatsServer {
  readonly #binary: string
  readonly #onChange: () => void
  readonly port: number
  #child: ChildProcess | undefined

  private constructor(binary: string, port: number, onChange: () => void) {
    this.#binary = binary
    this.port = port
    this.#onChange = onChange
  }

  /** Finds it a port. Starts nothing yet. */
  static async prepare(binary: string, onChange: () => void): Promise<NatsServer> {
    return new NatsServer(binary, await freePort(), onChange)
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  version(): string {
    return execFileSync(this.#binary, ['--version'], { encoding: 'utf8' }).trim()
  }

  async start(): Promise<void> {
    const child = spawn(this.#binary, ['--addr', '127.0.0.1', '--port', String(this.port)], { stdio: 'ignore' })
    this.#child = child
    child.once('error', () => this.#gone(child)).once('exit', () => this.#gone(child))
    this.#onChange()
    while (!await answers(this.port)) {
      if (this.#child !== child) throw new Error(`${this.#binary} does not start on port ${this.port}`)
      await scheduler.wait(10)
    }
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  #gone(child: ChildProcess): void {
    if (this.#child === child) this.#child = undefined
    this.#onChange()
  }
}
