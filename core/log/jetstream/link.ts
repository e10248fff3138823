import * as Effect from 'effect/Effect'
import { base64url } from '../../domain/ids.ts'
import type { Clock } from '../../clock.ts'
import type { Random } from '../../domain/ids.ts'
import { messageOf } from '../../message-of.ts'
import type { User } from '../../nats/attach.ts'
import type { NatsConnection, NatsMessage, NatsSubscription } from '../../nats/connection.ts'
import type { Trouble } from './trouble.ts'

/** What a server says of itself when it is connected to. */
export interface ServerInfo {
  readonly server_name?: string
  readonly version?: string
  readonly cluster?: string
  readonly max_payload?: number
}

/** Where messages arrive, and how to stop that. */
export interface Delivery {
  readonly subject: string
  readonly stop: () => void
}

/** What a request may come with. */
export interface Asking {
  /** Complete, with the lines that begin and end them. */
  readonly headers?: Uint8Array
  /** The server may take so long, ms. */
  readonly withinMs: number
}

type Answer = Effect.Effect<NatsMessage, Trouble>

const unconnected = (reason: string): Trouble =>
  ({ kind: 'unconnected', message: `The log's NATS server cannot be reached: ${reason}.` })

/**
 * This node's line to the servers: requests, their answers, and what is delivered. Nothing is asked while there is no
 * connection, for a client would queue it, and may drop the queue.
 */
export class Link implements User {
  readonly #clock: Clock
  readonly #token: string
  /** Those who wait for an answer, by where it is to be sent. */
  readonly #waiting = new Map<string, { readonly subject: string; readonly answer: (answer: Answer) => void }>()
  readonly #onChange: () => void
  #through: NatsConnection | null = null
  #prefix = ''
  #reason = 'not connected yet'
  #refused: string | null = null
  #asked = 0

  /** `onChange` is told whenever messages begin or cease to come and go. */
  constructor(clock: Clock, random: Random, onChange: () => void) {
    this.#clock = clock
    this.#token = base64url(random(16))
    this.#onChange = onChange
  }

  /** Why nothing goes through, or null. */
  failure(): string | null {
    return this.#through === null ? this.#reason : null
  }

  /** What the server refused last, since it was connected to. */
  refused(): string | null {
    return this.#refused
  }

  /** How many requests have no answer yet. */
  waiting(): number {
    return this.#waiting.size
  }

  server(): ServerInfo {
    return (this.#through as { readonly info?: ServerInfo } | null)?.info ?? {}
  }

  listen(connection: NatsConnection, refused: (reason: string) => void): NatsSubscription {
    const { options } = connection as { readonly options?: { readonly inboxPrefix?: string } }
    this.#prefix = `${options?.inboxPrefix ?? '_INBOX'}.${this.#token}`
    return connection.subscribe(`${this.#prefix}.*`, {
      callback: (error, message) => {
        if (error !== null) return refused(error.message)
        this.#waiting.get(message.subject)?.answer(Effect.succeed(message))
      }
    })
  }

  /** Answers may still be missed: that it is open again is said when the server has answered. */
  back(): void {}

  open(connection: NatsConnection): void {
    this.#through = connection
    this.#refused = null
    this.#onChange()
  }

  shut(connection: NatsConnection | null, reason: string): void {
    if (connection !== null && this.#through !== null && this.#through !== connection) return
    this.#through = null
    this.#reason = reason
    const lost = Effect.fail(unconnected(`${reason}; what was asked for may have been done`))
    for (const { answer } of [...this.#waiting.values()]) answer(lost)
    this.#onChange()
  }

  /** What a server does not allow it says, but not in answer to what was asked. */
  note(trouble: string): void {
    this.#refused = trouble
    const refused = Effect.fail<Trouble>({ kind: 'refused', message: `${trouble}.` })
    for (const { answer, subject } of [...this.#waiting.values()]) if (trouble.includes(`"${subject}"`)) answer(refused)
  }

  /** Sends a request before it returns from being run, and waits for its answer. */
  ask(subject: string, payload: Uint8Array, { headers, withinMs }: Asking): Answer {
    return Effect.callback((resume) => {
      if (this.#through === null) return resume(Effect.fail(unconnected(this.#reason)))
      const reply = `${this.#prefix}.${(this.#asked++).toString(36)}`
      const forget = (): void => {
        callOff()
        this.#waiting.delete(reply)
      }
      const answer = (result: Answer): void => {
        forget()
        resume(result)
      }
      const callOff = this.#clock.schedule(withinMs, () => answer(Effect.fail(this.#silence(withinMs))))
      this.#waiting.set(reply, { subject, answer })
      try {
        // Both clients call encode() of what they are given as headers.
        const encoded = headers === undefined ? {} : { headers: { encode: () => headers } }
        this.#through.publish(subject, payload, { reply, ...encoded })
      } catch (error) {
        answer(Effect.fail(unconnected(messageOf(error))))
      }
      return Effect.sync(forget)
    })
  }

  #silence(ms: number): Trouble {
    const why = this.#refused === null ? '' : ` (${this.#refused})`
    return { kind: 'silent', message: `JetStream did not answer within ${ms} ms${why}; what was asked for may have been done.` }
  }

  /** Sends, if there is a connection. */
  tell(subject: string): void {
    try {
      this.#through?.publish(subject, new Uint8Array())
    } catch (error) {
      this.note(messageOf(error))
    }
  }

  /** A subject of its own, at which `take` is told of all that is delivered. */
  receive(take: (message: NatsMessage) => void, refused: (reason: string) => void): Delivery | Trouble {
    const connection = this.#through
    if (connection === null) return unconnected(this.#reason)
    const subject = `${this.#prefix}.feed.${(this.#asked++).toString(36)}`
    try {
      const subscription = connection.subscribe(subject, {
        callback: (error, message) => error === null ? take(message) : refused(error.message)
      })
      return { subject, stop: () => { if (!connection.isClosed()) subscription.unsubscribe() } }
    } catch (error) {
      return unconnected(messageOf(error))
    }
  }
}
