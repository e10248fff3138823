import { Links } from './rows.ts'
import { blobWord } from './slot.ts'
import type { Space } from './space.ts'
import { OrderedTable, homeOf, slotMask, slotShift, type Side } from './table.ts'
import { nameHash } from './words.ts'

/** The sessions of each subject that the fold has not ended, newest first. */
export class ListsBySubject {
  readonly #space: Space
  readonly #links = new Links()
  /** Hash of the subject, newest row. The subject itself stands in that row's blob. */
  readonly #table: OrderedTable
  readonly #entry = new Uint32Array(2)
  readonly #key0: number
  readonly #key1: number

  constructor(space: Space, capacity: number, key0: number, key1: number, steps: number | undefined) {
    this.#space = space
    this.#table = new OrderedTable({ stride: 2, mark: 1, keys: capacity, loadMax: 0.9, growth: 1.2, steps })
    this.#key0 = key0
    this.#key1 = key1
  }

  /** The newest row, or 0. */
  head(subject: string): number {
    const key = nameHash(subject, this.#key0, this.#key1)
    const side = this.#table.side(key)
    const slot = this.#find(side, key, subject)
    return slot < 0 ? 0 : side.segments[slot >>> slotShift]![(slot & slotMask) * 2 + 1]!
  }

  older(row: number): number {
    return this.#links.older(row)
  }

  push(subject: string, row: number): void {
    const key = nameHash(subject, this.#key0, this.#key1)
    const side = this.#table.side(key)
    const slot = this.#find(side, key, subject)
    if (slot < 0) {
      this.#entry[0] = key
      this.#entry[1] = row
      return this.#table.insert(this.#entry)
    }
    const words = side.segments[slot >>> slotShift]!
    const at = (slot & slotMask) * 2 + 1
    this.#links.push(row, words[at]!)
    words[at] = row
  }

  unlink(subject: string, row: number): void {
    const key = nameHash(subject, this.#key0, this.#key1)
    const side = this.#table.side(key)
    const slot = this.#find(side, key, subject, row)
    const words = side.segments[slot >>> slotShift]!
    const at = (slot & slotMask) * 2 + 1
    const head = this.#links.unlink(row, words[at]!)
    if (head === 0) this.#table.remove(side, slot)
    else words[at] = head
  }

  tidy(steps: number): void {
    this.#table.step(steps)
  }

  fit(): void {
    this.#table.fit()
  }

  bytes(): number {
    return this.#table.bytes() + this.#links.bytes()
  }

  /** `known`: a row that is the subject's, if it is the newest; most have but one. */
  #find(side: Side, key: number, subject: string, known = 0): number {
    const space = this.#space
    for (let slot = homeOf(side, key); ; slot++) {
      const words = side.segments[slot >>> slotShift]!
      const base = (slot & slotMask) * 2
      const row = words[base + 1]!
      if (row === 0 || words[base]! > key) return -1
      if (words[base] !== key) continue
      if (row === known) return slot
      const home = space.home(row)
      if (space.subjectReader(home.words[home.base + blobWord]!).subjectIs(subject)) return slot
    }
  }
}

/** The same by tenant, and how many of them are live. By the tenant's ordinal in the dictionary. */
export class ListsByTenant {
  readonly #links = new Links()
  readonly #heads: number[] = []
  readonly #live: number[] = []
  /** What a tenant's count is worth: counts of an earlier epoch are 0. */
  readonly #epochs: number[] = []
  #epoch = 0

  head(tenant: number): number {
    return this.#heads[tenant] ?? 0
  }

  older(row: number): number {
    return this.#links.older(row)
  }

  push(tenant: number, row: number): void {
    while (this.#heads.length <= tenant) {
      this.#heads.push(0)
      this.#live.push(0)
      this.#epochs.push(0)
    }
    const head = this.#heads[tenant]!
    this.#links.push(row, head)
    this.#heads[tenant] = row
  }

  unlink(tenant: number, row: number): void {
    this.#heads[tenant] = this.#links.unlink(row, this.#heads[tenant]!)
  }

  live(tenant: number): number {
    return this.#epochs[tenant] === this.#epoch ? this.#live[tenant]! : 0
  }

  add(tenant: number, by: number): void {
    this.#live[tenant] = this.live(tenant) + by
    this.#epochs[tenant] = this.#epoch
  }

  /** No tenant has a live session any more. */
  clearLive(): void {
    this.#epoch++
  }

  bytes(): number {
    return this.#links.bytes()
  }
}
