import { messageOf } from '../message-of.ts'

/**
 * What is used of a NATS connection. Those of `@nats-io/transport-node` (3.x) and of `nats` (2.x) both have it.
 */
export interface NatsConnection {
  publish(subject: string, payload: Uint8Array, options?: { reply?: string; headers?: object }): void
  subscribe(subject: string, options: {
    callback: (error: Error | null, message: NatsMessage) => void
  }): NatsSubscription
  flush(): Promise<void>
  drain(): Promise<void>
  close(): Promise<void>
  isClosed(): boolean
  closed(): Promise<void | Error>
  status(): AsyncIterable<NatsEvent> & { stop?: () => void }
}
/** A message, as much of it as is used. */
export interface NatsMessage {
  readonly data: Uint8Array
  readonly subject: string
  readonly reply?: string
  readonly headers?: { readonly code: number; readonly description: string; get(name: string): string }
}
/** What `subscribe` gives, as much of it as is used. */
export interface NatsSubscription {
  unsubscribe(): void
  isClosed(): boolean
}
/** Something that the client tells of a connection. */
export interface NatsEvent {
  readonly type: string
}

/** What the events of a connection come to. */
export interface ConnectionEvents {
  /** Nothing goes through for now. */
  readonly lost: (reason: string) => void
  /** Nothing will go through any more, unless the connection's owner sees to it. */
  readonly ended: (reason: string) => void
  /** Connected anew; the client has subscribed again already. */
  readonly back: () => void
  /** The server refused something. */
  readonly refused: (what: string) => void
  /** Any of these or another. */
  readonly any: () => void
}

/** Tells what happens to a connection, until the returned function is called. */
export const follow = (connection: NatsConnection, tell: ConnectionEvents): (() => void) => {
  const events = connection.status()
  const watch = async (): Promise<void> => {
    for await (const event of events) {
      tell.any()
      switch (event.type) {
        case 'disconnect':
          tell.lost('the connection to the server was lost')
          break
        case 'staleConnection':
          // What should follow, a disconnect, never comes while the socket's buffer is full.
          tell.ended('the server does not answer')
          break
        case 'reconnect':
          tell.back()
          break
        case 'error':
          tell.refused(describe(event))
      }
    }
  }
  watch().catch((error: unknown) => tell.ended(messageOf(error)))
  connection.closed().then(
    (error) => tell.ended(`the connection is closed${error instanceof Error ? `: ${error.message}` : ''}`),
    (error: unknown) => tell.ended(messageOf(error)))
  return () => events.stop?.()
}

/** The client's 3.x has an `error`, its 2.x a text in `data`. */
const describe = (event: NatsEvent): string => {
  const { error, data } = event as { readonly error?: unknown; readonly data?: unknown }
  return messageOf(error ?? data)
}
