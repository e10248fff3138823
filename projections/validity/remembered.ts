import type { EndReason } from '../../core/domain/events.ts'
import { reasonOf, reasonOrdinal } from './slot.ts'
import { OrderedTable, homeOf, slotMask, slotShift, type Side } from './table.ts'
import { idHash, idHashMore } from './words.ts'
import { reseek, walk } from './walk.ts'

const stride = 3
const tickMs = 16_000

/**
 * Ids whose session has ended and whose slot was given back: a second SessionStarted of them, later in the log, must
 * not revive them (I2). 64 bits of a hash of the id, until when (in ticks of 16 s) and the reason, in 12 bytes. Two
 * ids with the same 64 bits would have the later one refused; among a billion ids remembered that befalls one start in
 * 18 billion.
 */
export class Remembered {
  readonly #table: OrderedTable
  readonly #entry = new Uint32Array(stride)
  #cursor = 0

  constructor(capacity: number) {
    this.#table = new OrderedTable({ stride, mark: 1, keys: capacity, loadMax: 0.9, growth: 1.2 })
  }

  get count(): number {
    return this.#table.count
  }

  /** `id`: its four words. Until `until`, ms, and up to 16 s longer. */
  add(id: Uint32Array, reason: EndReason, until: number): void {
    if (this.reason(id) !== undefined) return
    this.#entry[0] = idHash(id)
    this.#entry[1] = Math.min(Math.floor(until / tickMs) + 1, 2 ** 29 - 1) * 8 + reasonOrdinal(reason)
    this.#entry[2] = idHashMore(id)
    this.#table.insert(this.#entry)
  }

  /** Why the session ended, or undefined: this id is not remembered. */
  reason(id: Uint32Array): EndReason | undefined {
    if (this.#table.count === 0) return undefined
    const key = idHash(id)
    const more = idHashMore(id)
    const side = this.#table.side(key)
    for (let slot = homeOf(side, key); ; slot++) {
      const words = side.segments[slot >>> slotShift]!
      const base = (slot & slotMask) * stride
      if (words[base + 1] === 0 || words[base]! > key) return undefined
      if (words[base] === key && words[base + 2] === more) return reasonOf(words[base + 1]! & 7)
    }
  }

  /** Forgets what is past its time among the next `most`. */
  sweep(now: number, most: number): void {
    if (this.#table.count === 0) return
    const tick = Math.floor(now / tickMs)
    this.#cursor = walk(this.#table, this.#cursor, most, (side: Side, slot: number) => {
      const mark = side.segments[slot >>> slotShift]![(slot & slotMask) * stride + 1]!
      if (mark >>> 3 > tick) return false
      this.#table.remove(side, slot)
      return reseek
    })
    this.#table.step(most)
    if (this.#cursor === 0) this.#table.fit()
  }

  bytes(): number {
    return this.#table.bytes()
  }
}
