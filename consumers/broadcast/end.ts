import * as Effect from 'effect/Effect'
import type { KeyObject } from 'node:crypto'
import type {
  BroadcastShape, BroadcastStatus, Message, MessageRefusal, NodeIdentity, Sender
} from '../../core/store/broadcast.ts'
import { makeCodec } from './codec.ts'

/** What carries the bytes of one end to the others. */
export interface Wire {
  /**
   * Hands the bytes over, or returns false: there is no connection. `urgent`: they are to be on their way when it
   * returns, whatever the caller does next. Throws what it cannot do.
   */
  readonly send: (bytes: Uint8Array, urgent: boolean) => boolean
}

/** One node's end of a broadcast: all of it but the wire. */
export interface End {
  readonly shape: BroadcastShape
  /** Takes what came off the wire. Never throws. */
  readonly receive: (bytes: Uint8Array) => void
  /** Tells whether others can hear this node and it them, and if not, why. */
  readonly connection: (state: Connection) => void
  /** Notes what went wrong with a message; it stands in the status until one has been sent. */
  readonly note: (trouble: string) => void
}

export type Connection = { readonly connected: true } | { readonly connected: false; readonly failure: string }

export interface EndOptions {
  readonly kind: string
  readonly cluster: string
  readonly key: KeyObject | undefined
  readonly self: NodeIdentity['Service']
  readonly wire: Wire
}

type Handler = (message: Message, from: Sender) => void

const nothingRefused = (): Record<MessageRefusal, number> => ({
  'too-large': 0, 'not-ours': 0, version: 0, 'foreign-cluster': 0, unauthenticated: 0, malformed: 0
})

export const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

export const makeEnd = ({ kind, cluster, key, self, wire }: EndOptions): End => {
  const codec = makeCodec(cluster, key)
  const handlers = new Set<Handler>()
  const listeners = new Set<(connected: boolean) => void>()
  const refused = nothingRefused()
  const counts = { sent: 0, heard: 0, unsent: 0 }
  let connected = false
  let whyNot: string | null = 'not connected yet'
  /** What became of the last message, if it could not be sent or handled. */
  let trouble: string | null = null
  let sequence = 0

  const send = (message: Message): boolean => {
    // Every message has a number, sent or not: whoever misses one finds the hole at the next, and reads the log.
    sequence++
    const encoded = codec.encode(message, { node: self.node, incarnation: self.incarnation, sequence })
    if ('unfit' in encoded) {
      trouble = `not sent: ${encoded.unfit}`
      return false
    }
    try {
      if (!wire.send(encoded.bytes, message.kind === 'revocation')) return false
    } catch (error) {
      trouble = `not sent: ${messageOf(error)}`
      return false
    }
    trouble = null
    return true
  }

  const publish = (message: Message): boolean => {
    const done = send(message)
    if (done) counts.sent++
    else counts.unsent++
    return done
  }

  const tell = <A extends readonly unknown[]>(all: ReadonlySet<(...args: A) => void>, ...args: A): void => {
    for (const one of [...all]) {
      try {
        one(...args)
      } catch (error) {
        // It may not throw. If it does, the others are told all the same and the connection lives.
        trouble = `a handler of the broadcast threw: ${messageOf(error)}`
      }
    }
  }

  const receive = (bytes: Uint8Array): void => {
    const heard = codec.decode(bytes)
    if (typeof heard === 'string') {
      refused[heard]++
      return
    }
    const { message, from } = heard
    if (from.incarnation === self.incarnation && from.node === self.node) return
    counts.heard++
    tell(handlers, message, from)
  }

  const connection: End['connection'] = (state) => {
    whyNot = state.connected ? null : state.failure
    if (connected === state.connected) return
    connected = state.connected
    tell(listeners, connected)
  }

  const member = <A>(all: Set<A>, one: A) => Effect.acquireRelease(
    Effect.sync(() => { all.add(one) }), () => Effect.sync(() => { all.delete(one) }))

  const status = (): BroadcastStatus =>
    ({ kind, connected, failure: whyNot ?? trouble, ...counts, refused: { ...refused } })

  return {
    receive,
    connection,
    note: (text) => { trouble = text },
    shape: {
      publish,
      // Wrapped: the same handler may be given twice.
      subscribe: (handler) => Effect.suspend(() => member(handlers, (message, from) => handler(message, from))),
      onConnection: (listener) => Effect.suspend(() => member(listeners, (now) => listener(now))),
      status
    }
  }
}
