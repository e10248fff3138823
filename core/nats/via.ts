import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import { InvalidOptions } from '../errors.ts'
import { attach, type User } from './attach.ts'
import type { NatsConnection } from './connection.ts'
import { keepConnected, loadClient, type NatsConnectOptions, type NoClient } from './own.ts'
import { type Address, checkServers } from './servers.ts'

/** Where the NATS servers are, or a connection. */
export interface ViaOptions {
  /**
   * Where to connect to: the first that answers is taken, and another one when it is gone. Default: 127.0.0.1:4222.
   * Further servers of the same NATS cluster are learned from it, but not with TLS: then name all of them.
   */
  readonly servers?: string | readonly string[]
  /** Passed on to the client: user, pass, token, authenticator, tls and the like. */
  readonly connect?: NatsConnectOptions
  /**
   * A connection of `@nats-io/transport-node` 3.x or `nats` 2.x that the app has anyway, instead of one of our own. It
   * is never closed here. How soon a loss is noticed, and whether it is kept up, are its own settings: let it have
   * `maxReconnectAttempts: -1`, and a `pingInterval` of a second or less with `maxPingOut: 2`.
   */
  readonly connection?: NatsConnection
}

/** The same, checked. */
export type Via = { readonly connection: NatsConnection } | {
  readonly servers: readonly Address[]
  readonly options: NatsConnectOptions
}

export const viaNames = ['servers', 'connect', 'connection'] as const

const used: ReadonlyArray<keyof NatsConnection> = [
  'publish', 'subscribe', 'flush', 'isClosed', 'closed', 'status'
]

export const checkVia = ({ connection, servers, connect = {} }: ViaOptions): Via | InvalidOptions => {
  if (connection === undefined) {
    const addresses = checkServers(servers)
    return addresses instanceof InvalidOptions ? addresses : { servers: addresses, options: connect }
  }
  if (servers !== undefined) return invalid('servers', 'A connection is given, so there can be no option servers.')
  return typeof connection === 'object' && connection !== null
    && used.every((method) => typeof connection[method] === 'function')
    ? { connection }
    : invalid('connection', 'The option connection must be what connect() of @nats-io/transport-node or nats resolves '
      + 'to. Did you forget an await?')
}

const invalid = (option: string, message: string): InvalidOptions => new InvalidOptions({ option, message })

/** Has a user use connections of our own, or the app's, until the scope closes. */
export const useConnections = (
  via: Via, user: User, who: string, name: string, settled: () => void
): Effect.Effect<void, NoClient, Scope.Scope> => 'connection' in via
  ? borrow(via.connection, user, settled)
  : Effect.flatMap(loadClient(who), (connect) => keepConnected({ connect, ...via, name, user }, settled))

/** Uses the app's connection, and leaves it open. */
const borrow = (connection: NatsConnection, user: User, settled: () => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => {
      const attached = attach(user, connection)
      attached.first.then(settled, settled)
      return attached
    }),
    ({ detach }) => Effect.sync(detach)))
