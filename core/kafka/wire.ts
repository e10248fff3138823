import * as Effect from 'effect/Effect'
import type { Clock } from '../clock.ts'
import { type Broker, hangUp, isConnected, type MakeBroker } from './driver.ts'
import type { Address } from './options.ts'
import { asTrouble, type Trouble, unconnected } from './trouble.ts'

/** A connection, from its dial on. */
interface Line {
  readonly broker: Promise<Broker>
  made: Broker | undefined
  isReady: boolean
}

/** One connection to one broker, opened when it is needed, and anew when it was lost. */
export class Wire {
  readonly address: string
  readonly #where: Address
  readonly #make: MakeBroker
  readonly #clock: Clock
  #line: Line | undefined
  #isClosed = false
  #waiting = 0

  constructor(where: Address, make: MakeBroker, clock: Clock) {
    this.address = `${where.host}:${where.port}`
    this.#where = where
    this.#make = make
    this.#clock = clock
  }

  /** How many requests have no answer yet. */
  waiting(): number {
    return this.#waiting
  }

  /**
   * Asks the broker, and waits for its answer so long. A connection that had none by then is given up with all that was
   * asked by it: answers come in order. When it is interrupted the answer is not waited for.
   */
  ask<A>(withinMs: number, request: (broker: Broker) => Promise<A>): Effect.Effect<A, Trouble> {
    return Effect.callback((resume) => {
      this.#waiting++
      let isOver = false
      const over = (): boolean => {
        if (isOver) return false
        isOver = true
        callOff()
        this.#waiting--
        return true
      }
      const end = (result: Effect.Effect<A, Trouble>): void => { if (over()) resume(result) }
      const callOff = this.#clock.schedule(withinMs, () => {
        end(Effect.fail(this.#silence(withinMs)))
        this.drop('no answer')
      })
      this.#connected().then(
        (broker) => request(broker).then(
          (answer) => end(Effect.succeed(answer)),
          (error: unknown) => end(Effect.fail(asTrouble(error, this.address)))),
        (error: unknown) => end(Effect.fail(unconnected(error, this.address))))
      return Effect.sync(() => { over() })
    })
  }

  #silence(ms: number): Trouble {
    return this.#line?.isReady === true
      ? {
        kind: 'silent',
        message: `The broker ${this.address} did not answer within ${ms} ms; what was asked for may have been done.`
      }
      : unconnected(new Error(`no answer within ${ms} ms`), this.address)
  }

  #connected(): Promise<Broker> {
    if (this.#isClosed) return Promise.reject(new Error('closed'))
    const line = this.#line
    if (line !== undefined && (!line.isReady || isConnected(line.made!))) return line.broker
    this.drop('connected anew')
    this.#line = this.#dial()
    return this.#line.broker
  }

  #dial(): Line {
    const dial = async (): Promise<Broker> => {
      line.made = await this.#make(this.#where)
      if (this.#line !== line) throw new Error('given up')
      await line.made.connect()
      line.isReady = true
      return line.made
    }
    const line: { broker: Promise<Broker>; made: Broker | undefined; isReady: boolean } =
      { broker: Promise.resolve().then(dial), made: undefined, isReady: false }
    line.broker.catch(() => { if (this.#line === line) this.drop('not connected') })
    return line
  }

  /** Gives the connection up. What has no answer yet fails. */
  drop(reason: string): void {
    const line = this.#line
    this.#line = undefined
    if (line?.made !== undefined) hangUp(line.made, reason)
  }

  close(): void {
    this.#isClosed = true
    this.drop('closed')
  }
}
