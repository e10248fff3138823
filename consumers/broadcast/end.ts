import * as Effect from 'effect/Effect'
import type { KeyObject } from 'node:crypto'
import type {
  BroadcastShape, BroadcastStatus, Message, MessageRefusal, NodeIdentity, Sender
} from '../../core/store/broadcast.ts'
import { messageOf } from '../../core/message-of.ts'
import { makeCodec } from './codec.ts'

/** What carries the bytes of one end to the others. */
export interface Wire {
  /**
   * Hands the bytes over, or returns false: there is no connection. They are on their way before the next task of the
   * event loop. Throws what it cannot do.
   */
  readonly send: (bytes: Uint8Array) => boolean
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

const nothingRefused = (): Record<MessageRefusal, number> => ({
  'too-large': 0, 'not-ours': 0, version: 0, 'foreign-cluster': 0, unauthenticated: 0, malformed: 0
})

/** Those who are told something. One that throws, though it may not, keeps nothing from the others. */
const makeAudience = <A extends readonly unknown[]>(note: (trouble: string) => void) => {
  const all = new Set<(...told: A) => void>()
  const tell = (...told: A): void => {
    for (const one of [...all]) {
      try {
        one(...told)
      } catch (error) {
        note(`a handler of the broadcast threw: ${messageOf(error)}`)
      }
    }
  }
  const join = (one: (...told: A) => void) => Effect.acquireRelease(
    Effect.sync(() => {
      // Wrapped: the same function may be given twice.
      const own = (...told: A): void => one(...told)
      all.add(own)
      return own
    }),
    (own) => Effect.sync(() => { all.delete(own) })).pipe(Effect.asVoid)
  return { tell, join }
}

export const makeEnd = ({ kind, cluster, key, self, wire }: EndOptions): End => {
  const codec = makeCodec(cluster, key)
  const refused = nothingRefused()
  const counts = { sent: 0, heard: 0, unsent: 0 }
  let state: Connection = { connected: false, failure: 'not connected yet' }
  /** What became of the last message, if it could not be sent or handled. */
  let trouble: string | null = null
  let sequence = 0
  const note = (text: string): void => { trouble = text }
  const handlers = makeAudience<[message: Message, from: Sender]>(note)
  const listeners = makeAudience<[connected: boolean]>(note)

  const send = (message: Message): boolean => {
    // Every message has a number, sent or not: whoever misses one finds the hole at the next, and reads the log.
    sequence++
    const encoded = codec.encode(message, { node: self.node, incarnation: self.incarnation, sequence })
    try {
      if ('unfit' in encoded) note(`not sent: ${encoded.unfit}`)
      else if (wire.send(encoded.bytes)) return true
    } catch (error) {
      note(`not sent: ${messageOf(error)}`)
    }
    return false
  }

  const publish = (message: Message): boolean => {
    const sent = send(message)
    if (sent) trouble = null
    counts[sent ? 'sent' : 'unsent']++
    return sent
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
    handlers.tell(message, from)
  }

  const connection = (now: Connection): void => {
    const before = state.connected
    state = now
    if (now.connected !== before) listeners.tell(now.connected)
  }

  const status = (): BroadcastStatus => ({
    kind, connected: state.connected, authenticated: key !== undefined, failure: state.connected ? trouble : state.failure, ...counts,
    refused: { ...refused }
  })

  return {
    receive, connection, note,
    shape: {
      authenticated: key !== undefined, publish, subscribe: handlers.join, onConnection: listeners.join, status
    }
  }
}
