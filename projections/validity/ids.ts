import { blobWord } from './slot.ts'
import type { Space } from './space.ts'
import { OrderedTable, homeOf, slotMask, slotShift } from './table.ts'
import { idHash } from './words.ts'

/** Rows by session id. A slot is a hash of the id and the row; the id itself stands in the blob. */
export class Ids {
  readonly #space: Space
  readonly #table: OrderedTable
  readonly #entry = new Uint32Array(2)

  constructor(space: Space, capacity: number, steps: number | undefined) {
    this.#space = space
    this.#table = new OrderedTable({ stride: 2, mark: 1, keys: capacity, loadMax: 0.9, growth: 1.2, steps })
  }

  /** `id`: its four words. The row, or 0. */
  find(id: Uint32Array): number {
    const key = idHash(id)
    const side = this.#table.side(key)
    for (let slot = homeOf(side, key); ; slot++) {
      const words = side.segments[slot >>> slotShift]!
      const base = (slot & slotMask) * 2
      const row = words[base + 1]!
      if (row === 0 || words[base]! > key) return 0
      if (words[base] === key && this.#isOf(row, id)) return row
    }
  }

  add(id: Uint32Array, row: number): void {
    this.#entry[0] = idHash(id)
    this.#entry[1] = row
    this.#table.insert(this.#entry)
  }

  remove(id: Uint32Array, row: number): void {
    const key = idHash(id)
    const side = this.#table.side(key)
    for (let slot = homeOf(side, key); ; slot++) {
      if (side.segments[slot >>> slotShift]![(slot & slotMask) * 2 + 1] === row) return this.#table.remove(side, slot)
    }
  }

  tidy(steps: number): void {
    this.#table.step(steps)
  }

  fit(): void {
    this.#table.fit()
  }

  bytes(): number {
    return this.#table.bytes()
  }

  #isOf(row: number, id: Uint32Array): boolean {
    const space = this.#space
    const { words, base } = space.home(row)
    const address = words[base + blobWord]!
    const bytes = space.blobs.bytesOf(address)
    // Behind the length, of one to four bytes, and the flags.
    let at = space.blobs.offsetOf(address)
    while (bytes[at++]! >= 128);
    at++
    for (let i = 0; i < 4; i++) {
      const word = id[i]!
      if (bytes[at + i * 4] !== word >>> 24 || bytes[at + i * 4 + 1] !== (word >>> 16 & 255)
        || bytes[at + i * 4 + 2] !== (word >>> 8 & 255) || bytes[at + i * 4 + 3] !== (word & 255)) return false
    }
    return true
  }
}
