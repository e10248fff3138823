import { sharedBytes } from './shared.ts'

/**
 * Append-only bytes in segments. A blob never changes and never moves within its segment; a segment is dropped as a
 * whole, and whoever still looks at one of its blobs keeps it alive. An address is the segment's ordinal and the
 * offset in units of 4 bytes, together 32 bits: 16 GB.
 */
const unitBytes = 4

/** A segment from which the live blobs are moved away is dropped when most of it is garbage. */
const garbageMax = 0.5

export class Blobs {
  readonly #unitBits: number
  readonly #segmentBytes: number
  readonly segments: (Uint8Array | undefined)[] = []
  readonly #live: number[] = []
  readonly #used: number[] = []
  readonly #freeOrdinals: number[] = []
  #current = -1
  /** Segments to be emptied, the next first, and how far the first one is done. */
  readonly #victims: number[] = []
  #walkedTo = 0
  #bytes = 0

  /** `segmentBytes`: a power of two. */
  constructor(segmentBytes: number) {
    this.#segmentBytes = segmentBytes
    this.#unitBits = Math.round(Math.log2(segmentBytes / unitBytes))
  }

  bytesOf(address: number): Uint8Array {
    return this.segments[address >>> this.#unitBits]!
  }

  offsetOf(address: number): number {
    return (address & ((1 << this.#unitBits) - 1)) * unitBytes
  }

  /** Copies the first `length` bytes, a multiple of 4, of `source` from `from` and returns their address. */
  append(source: Uint8Array, from: number, length: number): number {
    const full = this.#current < 0 || this.#used[this.#current]! + length > this.segments[this.#current]!.length
    if (full) this.#open(length)
    const ordinal = this.#current
    const target = this.segments[ordinal]!
    const at = this.#used[ordinal]!
    if (length < 256) for (let i = 0; i < length; i++) target[at + i] = source[from + i]!
    else target.set(source.subarray(from, from + length), at)
    this.#used[ordinal] = at + length
    this.#live[ordinal] = this.#live[ordinal]! + length
    return (ordinal * 2 ** this.#unitBits + at / unitBytes) >>> 0
  }

  /** The blob of `length` bytes is garbage from now on. */
  free(address: number, length: number): void {
    const ordinal = address >>> this.#unitBits
    const live = this.#live[ordinal]! - length
    this.#live[ordinal] = live
    if (ordinal !== this.#current) this.#judge(ordinal, live + length)
  }

  /** The next blob of a segment that is being emptied, or -1: none. `length` of each is told by `walked`. */
  victim(): number {
    while (this.#victims.length > 0) {
      const ordinal = this.#victims[0]!
      if (this.segments[ordinal] !== undefined && this.#live[ordinal]! > 0 && this.#walkedTo < this.#used[ordinal]!) {
        return (ordinal * 2 ** this.#unitBits + this.#walkedTo / unitBytes) >>> 0
      }
      this.#victims.shift()
      this.#walkedTo = 0
    }
    return -1
  }

  /** The blob that `victim` gave, of `length` bytes, is garbage or was moved. */
  walked(length: number): void {
    this.#walkedTo += length
  }

  bytes(): number {
    return this.#bytes
  }

  #isMostlyGarbage(ordinal: number, live: number): boolean {
    return live < this.#used[ordinal]! * garbageMax
  }

  #judge(ordinal: number, liveBefore: number): void {
    const live = this.#live[ordinal]!
    if (live === 0) return this.#drop(ordinal)
    if (this.#isMostlyGarbage(ordinal, live) && !this.#isMostlyGarbage(ordinal, liveBefore)) this.#victims.push(ordinal)
  }

  #drop(ordinal: number): void {
    this.#bytes -= this.segments[ordinal]!.byteLength
    this.segments[ordinal] = undefined
    const queued = this.#victims.indexOf(ordinal)
    if (queued === 0) this.#walkedTo = 0
    if (queued >= 0) this.#victims.splice(queued, 1)
    this.#freeOrdinals.push(ordinal)
  }

  #open(length: number): void {
    const before = this.#current
    const ordinal = this.#freeOrdinals.pop() ?? this.segments.length
    if (ordinal >= 2 ** (32 - this.#unitBits)) throw new RangeError('the index has used up its 16 GB of blobs')
    const segment = sharedBytes(Math.max(this.#segmentBytes, length))
    this.segments[ordinal] = segment
    this.#used[ordinal] = 0
    this.#live[ordinal] = 0
    this.#bytes += segment.byteLength
    this.#current = ordinal
    if (before >= 0 && this.segments[before] !== undefined) this.#judge(before, this.#used[before]!)
  }
}
