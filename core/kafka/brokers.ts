import * as Effect from 'effect/Effect'
import type * as Exit from 'effect/Exit'
import type { Clock } from '../clock.ts'
import { metadata, type Layout } from './api.ts'
import type { MakeBroker } from './driver.ts'
import type { Address } from './options.ts'
import type { Trouble } from './trouble.ts'
import { Wire } from './wire.ts'

/**
 * What a connection is for. A broker answers the requests of one connection in their order: one that waits for news would
 * hold up an append, and one that waits for the followers the question where the head is.
 */
export type Purpose = 'ask' | 'append' | 'follow'

/** Where to ask for them, and for which topic. */
interface Sought {
  readonly brokers: readonly Address[]
  readonly topic: string
}

const keyOf = ({ host, port }: Address): string => `${host}:${port}`

/** The brokers, how they are connected to, and who of them leads which partition of the topic. */
export class Brokers {
  readonly #checked: Sought
  readonly #make: MakeBroker
  readonly #clock: Clock
  readonly #wires: Readonly<Record<Purpose, Map<string, Wire>>> = { ask: new Map(), append: new Map(), follow: new Map() }
  #layout: Layout | undefined
  #refreshing: Promise<Exit.Exit<Layout, Trouble>> | undefined
  #failure: string | null = null
  #isClosed = false

  constructor(checked: Sought, make: MakeBroker, clock: Clock) {
    this.#checked = checked
    this.#make = make
    this.#clock = clock
  }

  /** Why nobody said lately how things are, or null. */
  failure(): string | null {
    return this.#failure
  }

  /** Somebody got an answer that was good. */
  works(): void {
    this.#failure = null
  }

  /** How the topic was laid out when that was asked last. */
  layout(): Layout | undefined {
    return this.#layout
  }

  /** How many requests have no answer yet, but for those that wait for news. */
  waiting(): number {
    return [...this.#wires.ask.values(), ...this.#wires.append.values()].reduce((sum, wire) => sum + wire.waiting(), 0)
  }

  wire(purpose: Purpose, address: Address): Wire {
    const wires = this.#wires[purpose]
    const key = keyOf(address)
    const wire = wires.get(key) ?? new Wire(address, this.#make, this.#clock)
    if (this.#isClosed) wire.close()
    wires.set(key, wire)
    return wire
  }

  /** The connection to a broker by its number. */
  broker(purpose: Purpose, id: number): Wire | undefined {
    const address = this.#layout?.brokers.get(id)
    return address && this.wire(purpose, address)
  }

  /** The connection to whoever leads a partition. */
  leader(purpose: Purpose, partition: number): Effect.Effect<Wire, Trouble> {
    return Effect.suspend(() => {
      const leader = this.#layout?.partitions[partition]?.leader ?? -1
      const wire = this.broker(purpose, leader)
      return wire === undefined ? Effect.fail(this.#unled(partition)) : Effect.succeed(wire)
    })
  }

  #unled(partition: number): Trouble {
    return {
      kind: 'moved',
      message: `Partition ${partition} of the topic ${this.#checked.topic} has no leader just now. If this lasts, look at: `
        + `kafka-topics --describe --topic ${this.#checked.topic}`
    }
  }

  /** Asks all brokers anew how the topic is laid out, and takes the first answer. Who asks meanwhile gets the same. */
  readonly refresh: Effect.Effect<Layout, Trouble> = Effect.suspend(() => {
    this.#refreshing ??= Effect.runPromiseExit(this.#ask()).then((exit) => {
      this.#refreshing = undefined
      return exit
    })
    const refreshing = this.#refreshing
    return Effect.flatMap(Effect.promise(() => refreshing), (exit) => exit)
  })

  #ask(): Effect.Effect<Layout, Trouble> {
    const known = [...this.#checked.brokers, ...(this.#layout?.brokers.values() ?? [])]
    const addresses = [...new Map(known.map((address) => [keyOf(address), address])).values()]
    let last: Trouble | undefined
    const each = addresses.map((address) => metadata(this.wire('ask', address), this.#checked.topic).pipe(
      Effect.tapError((trouble) => Effect.sync(() => { if (last === undefined || last.kind === 'unconnected') last = trouble }))))
    return Effect.raceAll(each).pipe(
      Effect.mapError((trouble) => last ?? trouble),
      Effect.tap((layout) => Effect.sync(() => {
        this.#layout = layout
        this.#failure = null
        this.#forget([...this.#checked.brokers, ...layout.brokers.values()])
      })),
      Effect.tapError(({ message }) => Effect.sync(() => { this.#failure = message })))
  }

  /** Brokers that are no more. */
  #forget(kept: readonly Address[]): void {
    const keys = new Set(kept.map(keyOf))
    for (const wires of Object.values(this.#wires)) {
      for (const [key, wire] of wires) {
        if (keys.has(key)) continue
        wire.close()
        wires.delete(key)
      }
    }
  }

  close(): void {
    this.#isClosed = true
    for (const wires of Object.values(this.#wires)) for (const wire of wires.values()) wire.close()
  }
}
