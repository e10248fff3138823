import { sharedWords } from './shared.ts'

const columnShift = 16
const columnMask = 0xffff

const nothing = new Uint32Array(0)

/** A growing list of u32 by row, 0 where nothing was set. Grows by segments, so nothing is ever copied. */
export class Column {
  /** `nothing` where there is none yet. */
  readonly #segments: Uint32Array[] = []

  get(row: number): number {
    return this.#segments[row >>> columnShift]?.[row & columnMask] ?? 0
  }

  /** Pages of a column where nothing but 0 was ever set take no memory: hence the test. */
  set(row: number, value: number): void {
    const index = row >>> columnShift
    let segment = this.#segments[index]
    if (segment === undefined || segment === nothing) {
      if (value === 0) return
      while (this.#segments.length < index) this.#segments.push(nothing)
      segment = sharedWords(columnMask + 1)
      this.#segments[index] = segment
    }
    if (value !== 0 || segment[row & columnMask] !== 0) segment[row & columnMask] = value
  }

  bytes(): number {
    let sum = 0
    for (const segment of this.#segments) sum += segment.byteLength
    return sum
  }
}

/** So many entries wait in a `LateColumn` at most. */
const waitingMax = 256

/**
 * A column for the hot path to write: what is to be set waits in a short list and is set with others, because one word
 * alone, anywhere in a large column, is as long in coming from memory as all else that a validation does. Together
 * they come at once.
 */
export class LateColumn {
  readonly #column = new Column()
  /** Rows and values in turn, oldest first. */
  readonly #waiting = new Uint32Array(waitingMax * 2)
  #used = 0

  get(row: number): number {
    this.#settle()
    return this.#column.get(row)
  }

  set(row: number, value: number): void {
    const used = this.#used
    this.#waiting[used] = row
    this.#waiting[used + 1] = value
    this.#used = used + 2
    if (this.#used === waitingMax * 2) this.#settle()
  }

  bytes(): number {
    return this.#column.bytes()
  }

  #settle(): void {
    const waiting = this.#waiting
    for (let i = 0; i < this.#used; i += 2) this.#column.set(waiting[i]!, waiting[i + 1]!)
    this.#used = 0
  }
}

/**
 * Ordinals of sessions, from 1. A row keeps the key of its session's home slot, the first word of the current token's
 * digest: unlike the slot's number it does not change when slots move.
 */
export class Rows {
  readonly key = new Column()
  /** The low 32 bits of the folded last-seen, where this node has seen the session since (AHEAD in the slot). */
  readonly folded = new LateColumn()
  #next = 1
  #free = 0
  count = 0

  take(key: number): number {
    this.count++
    const row = this.#free
    if (row === 0) {
      this.key.set(this.#next, key)
      return this.#next++
    }
    this.#free = this.key.get(row)
    this.key.set(row, key)
    return row
  }

  release(row: number): void {
    this.count--
    this.key.set(row, this.#free)
    this.#free = row
  }

  bytes(): number {
    return this.key.bytes() + this.folded.bytes()
  }
}

/** Lists of rows, newest first: older and newer neighbour of each. The heads are kept by whoever names the lists. */
export class Links {
  readonly #older = new Column()
  readonly #newer = new Column()

  older(row: number): number {
    return this.#older.get(row)
  }

  /** Puts a row before `head`, the newest so far (0: none); it is the new head. */
  push(row: number, head: number): void {
    this.#older.set(row, head)
    this.#newer.set(row, 0)
    if (head !== 0) this.#newer.set(head, row)
  }

  /** Takes a row out and returns the list's head, which was `head`. */
  unlink(row: number, head: number): number {
    const older = this.#older.get(row)
    const newer = this.#newer.get(row)
    if (older !== 0) this.#newer.set(older, newer)
    if (newer !== 0) this.#older.set(newer, older)
    this.#older.set(row, 0)
    this.#newer.set(row, 0)
    return newer === 0 ? older : head
  }

  bytes(): number {
    return this.#older.bytes() + this.#newer.bytes()
  }
}
