import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import type { Chance } from '../../../bench/harness/chance.ts'
import { type End, makeEnd } from '../../../consumers/broadcast/end.ts'
import { checkKey } from '../../../core/key.ts'
import { InvalidOptions } from '../../../core/errors.ts'
import { Broadcast, NodeIdentity } from '../../../core/store/broadcast.ts'
import type { Coverage } from './coverage.ts'
import type { Lane, Timeline } from './timeline.ts'
import { trip, type Weather } from './weather.ts'

interface Plug {
  readonly node: string
  readonly lane: Lane
  readonly weather: Weather
  readonly end: End
}

/** So many old messages are kept, to be played again. */
const keptMax = 200
const key = checkKey('the key of a simulated cluster')

/** The broadcast's network: between any two processes each message makes its own way through the weather. */
export class Network {
  readonly #timeline: Timeline
  readonly #chance: Chance
  readonly #coverage: Coverage
  readonly #plugs = new Set<Plug>()
  readonly #kept: Uint8Array[] = []
  /** When the last message of a pair arrives: a sender's messages come in their order, unless one is delayed. */
  readonly #arrivals = new Map<string, number>()

  constructor(timeline: Timeline, chance: Chance, coverage: Coverage) {
    this.#timeline = timeline
    this.#chance = chance
    this.#coverage = coverage
  }

  /** The broadcast of one process. */
  layer(lane: Lane, weather: Weather): Layer.Layer<Broadcast, never, NodeIdentity> {
    return Layer.effect(Broadcast, Effect.gen({ self: this }, function*() {
      const self = yield* NodeIdentity
      if (key instanceof InvalidOptions) return yield* Effect.die(key)
      const send = (bytes: Uint8Array): boolean => {
        if (lane.state === 'dead' || (weather.broadcast !== 'none' && weather.noticed)) return false
        this.#spread(plug, bytes)
        return true
      }
      const end = makeEnd({ kind: 'simulated', cluster: 'simulation', key, self, wire: { send } })
      const plug: Plug = { node: self.node, lane, weather, end }
      this.#plugs.add(plug)
      end.connection({ connected: true })
      yield* Effect.addFinalizer(() => Effect.sync(() => { this.#plugs.delete(plug) }))
      return end.shape
    }))
  }

  /** Tells the clients of a node what they notice of its weather. */
  tell(node: string): void {
    for (const { node: name, lane, weather, end } of this.#plugs) {
      if (name !== node || lane.state === 'dead') continue
      const isDown = weather.broadcast !== 'none' && weather.noticed
      this.#timeline.after(0, lane, () =>
        end.connection(isDown ? { connected: false, failure: 'cut' } : { connected: true }))
    }
  }

  /** Some old message arrives again, somewhere. */
  replay(which: number): void {
    const bytes = this.#kept[which % Math.max(1, this.#kept.length)]
    const plugs = [...this.#plugs].filter(({ lane }) => lane.state !== 'dead')
    const to = plugs[which % Math.max(1, plugs.length)]
    if (bytes === undefined || to === undefined) return
    this.#coverage.count('fault', 'message-replayed')
    this.#arrive(to, bytes, trip(this.#chance))
  }

  #spread(from: Plug, bytes: Uint8Array): void {
    if (this.#kept.push(bytes) > keptMax) this.#kept.splice(this.#chance.below(keptMax), 1)
    const { broadcast } = from.weather
    for (const to of this.#plugs) {
      if (to === from || to.lane.state === 'dead') continue
      const isCut = broadcast === 'out' || broadcast === 'both'
        || to.weather.broadcast === 'in' || to.weather.broadcast === 'both'
      if (isCut) this.#coverage.count('fault', 'broadcast-cut')
      else this.#deliver(from, to, bytes)
    }
  }

  #deliver(from: Plug, to: Plug, bytes: Uint8Array): void {
    const { lost, doubled, delayed, damaged } = to.weather
    const hits = (percent: number, name: string): boolean => {
      const hit = percent > 0 && this.#chance.below(100) < percent
      if (hit) this.#coverage.count('fault', name)
      return hit
    }
    if (hits(lost, 'message-lost')) return
    const arriving = hits(damaged, 'message-damaged') ? this.#damage(bytes) : bytes
    const late = hits(delayed, 'message-delayed')
    if (hits(doubled, 'message-doubled')) this.#arrive(to, arriving, this.#chance.below(3_000))
    if (late) return this.#arrive(to, arriving, this.#chance.below(5_000))
    const pair = `${from.node}>${to.node}`
    const at = Math.max(this.#timeline.now + trip(this.#chance), this.#arrivals.get(pair) ?? 0)
    this.#arrivals.set(pair, at)
    this.#arrive(to, arriving, at - this.#timeline.now)
  }

  #damage(bytes: Uint8Array): Uint8Array {
    const copy = bytes.slice(0, this.#chance.below(4) === 0 ? this.#chance.below(bytes.length) : bytes.length)
    if (copy.length > 0) copy[this.#chance.below(copy.length)]! ^= 1 << this.#chance.below(8)
    return copy
  }

  #arrive(to: Plug, bytes: Uint8Array, afterMs: number): void {
    this.#timeline.after(afterMs, to.lane, () => to.end.receive(bytes))
  }
}
