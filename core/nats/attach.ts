import { messageOf } from '../message-of.ts'
import { follow, type NatsConnection, type NatsSubscription } from './connection.ts'

/** Who uses connections, one after the other: a broadcast, or a log. */
export interface User {
  /** Begins to listen. `refused` is told why the server does not let it. */
  readonly listen: (connection: NatsConnection, refused: (reason: string) => void) => NatsSubscription
  /** It is connected anew; that messages come and go is not known yet. */
  readonly back: (connection: NatsConnection) => void
  /** Messages come and go. */
  readonly open: (connection: NatsConnection) => void
  /** For now they do not; null: there is no connection at all. */
  readonly shut: (connection: NatsConnection | null, reason: string) => void
  /** Notes what the server refused. */
  readonly note: (trouble: string) => void
}

/** A user's hold on a connection. */
export interface Attached {
  /** Settles when messages come and go for the first time, or it is known that for now they do not. */
  readonly first: Promise<void>
  /** Resolves when the connection is closed, silent or of no use; one that is not ours may come back. */
  readonly over: Promise<Over>
  /** Lets go of the connection and leaves it as it was. */
  readonly detach: () => void
}

/** Why a connection is of no use any more. */
export interface Over {
  readonly reason: string
  /** Whether messages came and went before. */
  readonly worked: boolean
}

/** Has a user listen and speak through a connection. `onEvent`: it told something of itself or of its servers. */
export const attach = (user: User, connection: NatsConnection, onEvent: () => void = () => {}): Attached => {
  const over = Promise.withResolvers<Over>()
  const first = Promise.withResolvers<void>()
  let subscription: NatsSubscription | null = null
  let detached = false
  let worked = false

  const lost = (reason: string): void => {
    if (detached) return
    user.shut(connection, reason)
    first.resolve()
  }
  const ended = (reason: string): void => {
    lost(reason)
    over.resolve({ reason, worked })
  }
  const listen = (): NatsSubscription => user.listen(connection, (reason) => {
    subscription = null
    ended(`the server does not let this node hear: ${reason}`)
  })

  /** Both ways work when the server has answered what follows the subscription. */
  const join = async (): Promise<void> => {
    if (detached) return
    try {
      if (subscription === null || subscription.isClosed()) subscription = listen()
      await connection.flush()
      if (detached || subscription === null) return
      worked = true
      user.open(connection)
      first.resolve()
    } catch (error) {
      lost(messageOf(error))
    }
  }

  const unfollow = follow(connection, {
    lost, ended,
    back: () => {
      if (!detached) user.back(connection)
      void join()
    },
    refused: (what) => user.note(`the server refused something: ${what}`),
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
