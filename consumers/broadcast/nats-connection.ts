import { type End, messageOf, type Wire } from './end.ts'

/**
 * What is used of a NATS connection. Those of `@nats-io/transport-node` (3.x) and of `nats` (2.x) both have it.
 */
export interface NatsConnection {
  publish(subject: string, payload: Uint8Array): void
  subscribe(subject: string, options: {
    callback: (error: Error | null, message: { readonly data: Uint8Array }) => void
  }): NatsSubscription
  flush(): Promise<void>
  drain(): Promise<void>
  close(): Promise<void>
  isClosed(): boolean
  closed(): Promise<void | Error>
  status(): AsyncIterable<NatsEvent> & { stop?: () => void }
}
export interface NatsSubscription {
  unsubscribe(): void
  isClosed(): boolean
}
export interface NatsEvent {
  readonly type: string
}

export const subjectOf = (cluster: string): string => `curfew.${cluster}.v1`

/** Carries messages over whichever connection is attached. */
export interface NatsWire extends Wire {
  /** `onEvent`: the connection has told something of itself, or of the servers. */
  readonly attach: (connection: NatsConnection, end: End, onEvent?: () => void) => Attached
}

export interface Attached {
  /** Settles when messages come and go for the first time, or it is known that for now they do not. */
  readonly first: Promise<void>
  /** Resolves when the connection is closed, silent or of no use; one that is not ours may come back. */
  readonly over: Promise<Over>
  /** Lets go of the connection and leaves it as it was. */
  readonly detach: () => void
}

export interface Over {
  readonly reason: string
  /** Whether messages came and went before. */
  readonly worked: boolean
}

export const makeWire = (subject: string): NatsWire => {
  /** Null while nothing must be published: the client would queue it, and drop the queue when it dials. */
  let open: { readonly connection: NatsConnection; readonly down: (failure: string) => void } | null = null

  const send: Wire['send'] = (bytes, urgent) => {
    if (open === null || open.connection.isClosed()) return false
    const through = open
    through.connection.publish(subject, bytes)
    // The client writes when the current run of code has ended, perhaps after a synchronous commit. A flush writes now.
    if (urgent) through.connection.flush().catch((error: unknown) => {
      if (open === through) through.down(messageOf(error))
    })
    return true
  }

  const attach: NatsWire['attach'] = (connection, end, onEvent = () => {}) => {
    const over = Promise.withResolvers<Over>()
    const first = Promise.withResolvers<void>()
    let subscription: NatsSubscription | null = null
    let detached = false
    let worked = false

    const down = (failure: string): void => {
      if (detached) return
      if (open?.connection === connection) open = null
      end.connection({ connected: false, failure })
      first.resolve()
    }

    const ended = (reason: string): void => {
      down(reason)
      over.resolve({ reason, worked })
    }

    const subscribe = (): void => {
      subscription = connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) return end.receive(message.data)
          subscription = null
          ended(`the server does not let this node hear: ${error.message}`)
        }
      })
    }

    const begin = (): void => {
      open = { connection, down }
    }

    /** Both ways work when the server has answered what follows the subscription. */
    const join = async (): Promise<void> => {
      if (detached) return
      try {
        if (subscription === null || subscription.isClosed()) subscribe()
        await connection.flush()
        if (detached || subscription === null) return
        begin()
        worked = true
        end.connection({ connected: true })
        first.resolve()
      } catch (error) {
        down(messageOf(error))
      }
    }

    const events = connection.status()
    const watch = async (): Promise<void> => {
      for await (const event of events) {
        onEvent()
        switch (event.type) {
          case 'disconnect':
            down('the connection to the server was lost')
            break
          case 'staleConnection':
            // What should follow, a disconnect, never comes while the socket's buffer is full.
            ended('the server does not answer')
            break
          case 'reconnect':
            // The client has subscribed again already. What is published from here on is sent.
            begin()
            void join()
            break
          case 'error':
            end.note(`the server refused something: ${describe(event)}`)
        }
      }
    }

    watch().catch((error: unknown) => ended(messageOf(error)))
    connection.closed().then(
      (error) => ended(`the connection is closed${error instanceof Error ? `: ${error.message}` : ''}`),
      (error: unknown) => ended(messageOf(error)))
    void join()

    return {
      first: first.promise,
      over: over.promise,
      detach: () => {
        down('closed')
        detached = true
        events.stop?.()
        if (!connection.isClosed()) subscription?.unsubscribe()
      }
    }
  }

  return { send, attach }
}

/** The client's 3.x has an `error`, its 2.x a text in `data`. */
const describe = (event: NatsEvent): string => {
  const { error, data } = event as { readonly error?: unknown; readonly data?: unknown }
  return messageOf(error ?? data)
}
