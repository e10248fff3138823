import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import { type BroadcastUnavailable, InvalidOptions } from '../../core/errors.ts'
import { Broadcast, NodeIdentity } from '../../core/store/broadcast.ts'
import { type End, makeEnd } from './end.ts'
import { checkKey } from '../../core/key.ts'
import { checkCluster, type ClusterOptions } from './key.ts'
import type { NatsConnection } from './nats-connection.ts'
import { keepConnected, loadClient, type NatsConnectOptions } from './nats-own.ts'
import { type Address, checkServers } from './nats-servers.ts'
import { attach, makeWire, type NatsWire, subjectOf } from './nats-wire.ts'

export type { NatsConnection } from './nats-connection.ts'
export type { NatsConnectOptions } from './nats-own.ts'
export type { ClusterOptions } from './key.ts'

/** Where the NATS servers are, or a connection, and the name of the cluster. */
export interface NatsOptions extends ClusterOptions {
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

/** The layer is built when the first attempt has come to something, or after so long. */
const waitAtStart = '500 millis'

/**
 * The broadcast over NATS. A server that cannot be reached is no reason to fail: `status()` says so, and connecting
 * goes on until the scope closes. Fails with `InvalidOptions`, or with `BroadcastUnavailable` if the client is not
 * installed.
 */
export const natsBroadcast = (
  options: NatsOptions
): Layer.Layer<Broadcast, InvalidOptions | BroadcastUnavailable, NodeIdentity> =>
  Layer.effect(Broadcast, Effect.gen(function*() {
    const checked = check(options)
    if (checked instanceof InvalidOptions) return yield* Effect.fail(checked)
    const self = yield* NodeIdentity
    const wire = makeWire(subjectOf(checked.cluster))
    const end = makeEnd({ kind: 'nats', cluster: checked.cluster, key: checked.key, self, wire })
    yield* Effect.addFinalizer(() => Effect.sync(() => end.connection({ connected: false, failure: 'closed' })))
    const ready = yield* Deferred.make<void>()
    const settled = (): void => { Deferred.doneUnsafe(ready, Effect.void) }
    if ('connection' in checked.via) {
      yield* borrow(checked.via.connection, wire, end, settled)
    } else {
      const connect = yield* loadClient
      yield* keepConnected({ connect, ...checked.via, node: self.node, wire, end }, settled)
    }
    yield* Deferred.await(ready).pipe(Effect.timeoutOption(waitAtStart))
    return end.shape
  }))

/** Uses the app's connection until the scope closes, and leaves it open. */
const borrow = (connection: NatsConnection, wire: NatsWire, end: End, settled: () => void) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const attached = attach(wire, connection, end)
      attached.first.then(settled, settled)
      return attached
    }),
    ({ detach }) => Effect.sync(detach))

interface Checked {
  readonly cluster: string
  readonly key: Exclude<ReturnType<typeof checkKey>, InvalidOptions>
  readonly via: { readonly connection: NatsConnection } | {
    readonly servers: readonly Address[]
    readonly options: NatsConnectOptions
  }
}

const known = ['cluster', 'key', 'servers', 'connect', 'connection']
const used: ReadonlyArray<keyof NatsConnection> = [
  'publish', 'subscribe', 'flush', 'isClosed', 'closed', 'status'
]

const check = (options: NatsOptions): Checked | InvalidOptions => {
  if (typeof options !== 'object' || options === null) {
    return invalid('cluster', "natsBroadcast needs options, at least { cluster: 'a-name' }.")
  }
  const stranger = Object.keys(options).find((name) => !known.includes(name))
  if (stranger !== undefined) {
    return invalid(stranger, `natsBroadcast has no option ${stranger}; it has ${known.join(', ')}.`)
  }
  const cluster = checkCluster(options.cluster)
  if (cluster instanceof InvalidOptions) return cluster
  const key = checkKey(options.key)
  if (key instanceof InvalidOptions) return key
  const via = checkVia(options)
  return via instanceof InvalidOptions ? via : { cluster, key, via }
}

const checkVia = ({ connection, servers, connect = {} }: NatsOptions): Checked['via'] | InvalidOptions => {
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
