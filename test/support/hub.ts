import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import { type Clock, systemClock } from '../../core/clock.ts'
import { checkCluster } from '../../core/cluster-name.ts'
import { InvalidOptions } from '../../core/errors.ts'
import { Broadcast, NodeIdentity } from '../../core/store/broadcast.ts'
import { type End, makeEnd } from '../../consumers/broadcast/end.ts'
import type { ClusterOptions } from '../../consumers/broadcast/key.ts'
import { checkKey } from '../../core/key.ts'

/** One message on its way from one node to another. */
export interface Passage {
  readonly from: string
  readonly to: string
  /** Counts the passages of the hub from 1. */
  readonly number: number
  readonly bytes: Uint8Array
}

/** What arrives, and how long after: 0 is at once, in order, but never inside of the call that sent it. */
export interface Arrival {
  readonly afterMs: number
  readonly bytes: Uint8Array
}

export interface HubOptions {
  /** What becomes of each passage: none arrives, or several, late, or other bytes. Default: it arrives. */
  readonly fault?: (passage: Passage) => readonly Arrival[]
  /** Owns the time of late arrivals. */
  readonly clock?: Clock
}

export interface Hub {
  /** The broadcast of one node. Each layer is one end: give every node its own. */
  readonly broadcast: (options: ClusterOptions) => Layer.Layer<Broadcast, InvalidOptions, NodeIdentity>
  /** Takes a node off the hub until it is healed; what is on its way to it is lost. */
  readonly cut: (node: string) => void
  readonly heal: (node: string) => void
  /** Puts bytes of anybody's making on a cluster's wire. */
  readonly inject: (cluster: string, bytes: Uint8Array) => void
}

interface Plug {
  readonly node: string
  readonly cluster: string
  readonly end: End
}

const arrives = ({ bytes }: Passage): readonly Arrival[] => [{ afterMs: 0, bytes }]

/** Runs what is due at once in order, after the current run of code; and what is due later, by the clock. */
const makeQueue = (clock: Clock) => {
  let due: Array<() => void> = []
  const run = (): void => {
    const now = due
    due = []
    for (const task of now) task()
  }
  return (afterMs: number, task: () => void): void => {
    if (afterMs > 0) {
      clock.schedule(afterMs, task)
    } else {
      due.push(task)
      if (due.length === 1) queueMicrotask(run)
    }
  }
}

/**
 * A broadcast within one process, for tests and the simulator: the same codec and the same port, and no server. What it
 * does depends on the calls, the fault and the clock alone.
 */
export const hubBroadcast = ({ fault = arrives, clock = systemClock }: HubOptions = {}): Hub => {
  const plugs = new Set<Plug>()
  const off = new Set<string>()
  const enqueue = makeQueue(clock)
  let passages = 0

  const spread = (from: string, cluster: string, bytes: Uint8Array, sender: Plug | null): void => {
    for (const to of plugs) {
      if (to === sender || to.cluster !== cluster) continue
      for (const arrival of fault({ from, to: to.node, number: ++passages, bytes })) {
        enqueue(arrival.afterMs, () => { if (plugs.has(to) && !off.has(to.node)) to.end.receive(arrival.bytes) })
      }
    }
  }

  const tell = ({ node, end }: Plug): void =>
    end.connection(off.has(node) ? { connected: false, failure: 'taken off the hub' } : { connected: true })
  const tellAll = (node: string): void => { for (const plug of plugs) if (plug.node === node) tell(plug) }

  const broadcast: Hub['broadcast'] = (options) => Layer.effect(Broadcast, Effect.gen(function*() {
    const cluster = checkCluster(options.cluster)
    if (cluster instanceof InvalidOptions) return yield* Effect.fail(cluster)
    const key = checkKey(options.key)
    if (key instanceof InvalidOptions) return yield* Effect.fail(key)
    const self = yield* NodeIdentity
    const send = (bytes: Uint8Array): boolean => {
      if (!plugs.has(plug) || off.has(self.node)) return false
      spread(self.node, cluster, bytes, plug)
      return true
    }
    const end = makeEnd({ kind: 'hub', cluster, key, self, wire: { send } })
    const plug: Plug = { node: self.node, cluster, end }
    yield* Effect.addFinalizer(() => Effect.sync(() => {
      plugs.delete(plug)
      end.connection({ connected: false, failure: 'closed' })
    }))
    plugs.add(plug)
    tell(plug)
    return end.shape
  }))

  return {
    broadcast,
    cut: (node) => {
      off.add(node)
      tellAll(node)
    },
    heal: (node) => {
      off.delete(node)
      tellAll(node)
    },
    inject: (cluster, bytes) => spread('a stranger', cluster, bytes, null)
  }
}
