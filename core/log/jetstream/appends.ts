import * as Effect from 'effect/Effect'
import { hash } from 'node:crypto'
import type { DomainEvent } from '../../domain/events.ts'
import type { LogUnavailable } from '../../errors.ts'
import { encodeText } from '../codec.ts'
import type { Appended } from '../port.ts'
import { type Acknowledged, publish } from './api.ts'
import type { Link } from './link.ts'
import { behind, eventsMax, pack } from './records.ts'
import type { Stand } from './stand.ts'
import { type Trouble, unavailable } from './trouble.ts'

/** What a server takes at most where it does not say it, and what it must take. */
export const payloadBytesMin = 1_048_576
/** Left for the headers of a message. */
const headerBytesMax = 1_024

const text = new TextEncoder()

/** The appends of this node. Each is one message, so that it stands whole or not at all. */
export class Appends {
  readonly #link: Link
  readonly #stand: Stand
  readonly #subject: string
  #failure: string | null = null

  constructor(link: Link, stand: Stand, subject: string) {
    this.#link = link
    this.#stand = stand
    this.#subject = subject
  }

  /** The last failure, until an append succeeds again. */
  failure(): string | null {
    return this.#failure
  }

  append(events: readonly DomainEvent[]): Effect.Effect<Appended, LogUnavailable> {
    if (events.length > eventsMax) throw new RangeError(`An append takes at most ${eventsMax} events.`)
    const bytesMax = (this.#link.server().max_payload ?? payloadBytesMin) - headerBytesMax
    const data = pack(events.map(encodeText), bytesMax)
    if (data === undefined) throw new RangeError(`The events of an append must fit into ${bytesMax} bytes.`)
    return this.#publish(data).pipe(
      Effect.map(({ seq }) => {
        this.#failure = null
        return { position: behind(seq) }
      }),
      Effect.mapError((trouble) => {
        this.#failure = trouble.message
        return unavailable(trouble)
      }))
  }

  /**
   * The same bytes have the same name, so the server knows a retry within its window. The name is of the bytes and not
   * of a command: what differs at all is never taken for a repetition.
   */
  #publish(data: Uint8Array): Effect.Effect<Acknowledged, Trouble> {
    const name = hash('sha256', data, 'base64url')
    const stood = this.#stand.known()
    const named = publish(this.#link, this.#subject, data, this.#headers(`Nats-Msg-Id: ${name}\r\n`))
    return Effect.flatMap(named, (answer) => {
      // A server before 2.10 answers so while the first is on its way, and it may never arrive. The fold takes one.
      const again = answer.seq === 0 ? publish(this.#link, this.#subject, data, this.#headers('')) : Effect.succeed(answer)
      return Effect.flatMap(again, (answer) => this.#check(answer, stood))
    })
  }

  #headers(more: string): Uint8Array {
    return text.encode(`NATS/1.0\r\nNats-Expected-Stream: ${this.#stand.stream}\r\n${more}\r\n`)
  }

  /** A new message whose number was taken when it was sent is in another stream than the one that this node has read. */
  #check(answer: Acknowledged, stood: number): Effect.Effect<Acknowledged, Trouble> {
    const { seq, stream, duplicate } = answer
    if (stream === this.#stand.stream && seq > 0 && (duplicate || seq > stood)) {
      this.#stand.know(seq)
      return Effect.succeed(answer)
    }
    return Effect.fail({
      kind: 'doubtful',
      message: `The append was put where message ${stood} of the stream ${this.#stand.stream} stood: the stream was `
        + 'replaced. Stop the nodes, and restore it.'
    })
  }
}
