import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import { checkCluster } from '../../core/cluster-name.ts'
import { BroadcastUnavailable, InvalidOptions } from '../../core/errors.ts'
import { checkKey } from '../../core/key.ts'
import { checkVia, useConnections, type Via, viaNames, type ViaOptions } from '../../core/nats/via.ts'
import { revealed } from '../../core/secret.ts'
import { Broadcast, NodeIdentity } from '../../core/store/broadcast.ts'
import { makeEnd } from './end.ts'
import type { ClusterOptions } from './key.ts'
import { makeWire, subjectOf, wireUser } from './nats-wire.ts'

export type { NatsConnection } from '../../core/nats/connection.ts'
export type { NatsConnectOptions } from '../../core/nats/own.ts'
export type { ClusterOptions } from './key.ts'

/** Where the NATS servers are, or a connection, and the name of the cluster. */
export interface NatsOptions extends ClusterOptions, ViaOptions {}

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
    const checked = yield* revealed(options, check)
    const self = yield* NodeIdentity
    const wire = makeWire(subjectOf(checked.cluster))
    const end = makeEnd({ kind: 'nats', cluster: checked.cluster, key: checked.key, self, wire })
    yield* Effect.addFinalizer(() => Effect.sync(() => end.connection({ connected: false, failure: 'closed' })))
    const ready = yield* Deferred.make<void>()
    const settled = (): void => { Deferred.doneUnsafe(ready, Effect.void) }
    yield* useConnections(checked.via, wireUser(wire, end), 'natsBroadcast', `curfew ${self.node}`, settled).pipe(
      Effect.mapError((problem) => new BroadcastUnavailable(problem)))
    yield* Deferred.await(ready).pipe(Effect.timeoutOption(waitAtStart))
    return end.shape
  }))

interface Checked {
  readonly cluster: string
  readonly key: Exclude<ReturnType<typeof checkKey>, InvalidOptions>
  readonly via: Via
}

const known: readonly string[] = ['cluster', 'key', ...viaNames]

const check = (given: unknown): Checked | InvalidOptions => {
  if (typeof given !== 'object' || given === null) {
    return invalid('cluster', "natsBroadcast needs options, at least { cluster: 'a-name' }.")
  }
  const options = given as NatsOptions
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

const invalid = (option: string, message: string): InvalidOptions => new InvalidOptions({ option, message })
