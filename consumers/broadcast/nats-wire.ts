import { type End, messageOf, type Wire } from './end.ts'
import { follow, type NatsConnection, type NatsSubscription } from './nats-connection.ts'

export const subjectOf = (cluster: string): string => `curfew.${cluster}.v1`

/** Publishes through the connection that is open, if one is. */
export interface NatsWire extends Wire {
  readonly subject: string
  /** What may be published through. Null while there is none: a client queues it, and drops the queue when it dials. */
  readonly open: (connection: NatsConnection) => void
  readonly shut: (connection: NatsConnection) => void
}

export const makeWire = (subject: string): NatsWire => {
  let through: NatsConnection | null = null
  return {
    subject,
    open: (connection) => { through = connection },
    shut: (connection) => { if (through === connection) through = null },
    send: (bytes) => {
      through?.publish(subject, bytes)
      return through !== null
    }
  }
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

/** Has an end hear and speak through a connection. `onEvent`: it told something of itself or of its servers. */
export const attach = (
  wire: NatsWire, connection: NatsConnection, end: End, onEvent: () => void = () => {}
): Attached => {
  const over = Promise.withResolvers<Over>()
  const first = Promise.withResolvers<void>()
  let subscription: NatsSubscription | null = null
  let detached = false
  let worked = false

  const lost = (failure: string): void => {
    if (detached) return
    wire.shut(connection)
    end.connection({ connected: false, failure })
    first.resolve()
  }
  const ended = (reason: string): void => {
    lost(reason)
    over.resolve({ reason, worked })
  }
  const subscribe = (): NatsSubscription => connection.subscribe(wire.subject, {
    callback: (error, message) => {
      if (error === null) return end.receive(message.data)
      subscription = null
      ended(`the server does not let this node hear: ${error.message}`)
    }
  })

  /** Both ways work when the server has answered what follows the subscription. */
  const join = async (): Promise<void> => {
    if (detached) return
    try {
      if (subscription === null || subscription.isClosed()) subscription = subscribe()
      await connection.flush()
      if (detached || subscription === null) return
      wire.open(connection)
      worked = true
      end.connection({ connected: true })
      first.resolve()
    } catch (error) {
      lost(messageOf(error))
    }
  }

  const unfollow = follow(connection, {
    lost, ended,
    back: () => {
      // What is published from here on is sent; what is heard is known to be all of it when the server has answered.
      if (!detached) wire.open(connection)
      void join()
    },
    refused: (what) => end.note(`the server refused something: ${what}`),
    any: onEvent
  })
  void join()

  const detach = (): void => {
    lost('closed')
    detached = true
    unfollow()
    if (!connection.isClosed()) subscription?.unsubscribe()
  }
  return { first: first.promise, over: over.promise, detach }
}
