import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { scheduler } from 'node:timers/promises'
import { prepareBroker } from '../../test/support/kafka-broker.ts'
import { freePort } from '../../test/support/kept.ts'
import { findJava, findKafka } from '../../test/support/services.ts'
import type { FromKeeper, ToKeeper } from './keeper.ts'

const answers = (port: number): Promise<boolean> => new Promise((resolve) => {
  const socket = connect(port, '127.0.0.1')
  const done = (yes: boolean) => {
    socket.destroy()
    resolve(yes)
  }
  socket.once('connect', () => done(true)).once('error', () => done(false))
})

/** A Kafka broker of our own on a free loopback port. The keeper's child. */
export class KafkaServer {
  readonly #java: string
  readonly #args: readonly string[]
  readonly #keeper: ChildProcess
  readonly #port: number
  pid: number | undefined

  private constructor(java: string, args: readonly string[], port: number, keeper: ChildProcess) {
    this.#java = java
    this.#args = args
    this.#port = port
    this.#keeper = keeper
    keeper.on('message', (message: FromKeeper) => {
      if (message.kind === 'ended' && message.pid === this.pid) this.pid = undefined
    })
  }

  /** Finds it ports, and writes its settings. Starts nothing yet. */
  static async prepare(keeper: ChildProcess, folder: string): Promise<KafkaServer> {
    const [java, jars] = [findJava(), findKafka()]
    if (java === undefined || jars === undefined) throw new Error('a log in Kafka needs a broker: npm run services gets one')
    const ports = { plain: await freePort(), guarded: await freePort(), controller: await freePort() }
    const args = prepareBroker({ id: 1, ports, voters: [`1@127.0.0.1:${ports.controller}`], jars, folder })
    return new KafkaServer(java, args, ports.plain, keeper)
  }

  get url(): string {
    return `kafka://127.0.0.1:${this.#port}`
  }

  version(): string {
    return 'Kafka'
  }

  /** Takes seconds: it is a Java machine. */
  async start(): Promise<void> {
    this.#keeper.send({ start: this.#java, args: this.#args } satisfies ToKeeper)
    const [message] = await once(this.#keeper, 'message') as [FromKeeper]
    this.pid = message.kind === 'started' ? message.pid : undefined
    while (!await answers(this.#port)) {
      if (this.pid === undefined) throw new Error(`the Kafka broker does not start on port ${this.#port}`)
      await scheduler.wait(50)
    }
  }
}
