import { sharedBytes } from './shared.ts'

/** Stretches of the space of keys that a slot's share is divided into. One in five of them is taken. */
const stretchesPerSlot = 4
/** A count that comes so far stays: it says "taken", which is always safe. */
const countMax = 15

/**
 * How many keys stand in each short stretch of the space of keys: so a key whose stretch is empty is known to be
 * missing, without a look at the table. Two bytes a slot; small enough to stay in the processor's caches where the table
 * does not, so four of five unknown tokens cost no trip to the memory.
 */
export class Occupancy {
  /** Two counts of four bits in each byte. */
  readonly counts: Uint8Array
  readonly scale: number

  constructor(slots: number) {
    this.counts = sharedBytes(slots * stretchesPerSlot / 2 + 1)
    this.scale = slots * stretchesPerSlot / 4_294_967_296
  }

  /** False: no such key. */
  mayHold(key: number): boolean {
    const at = (key * this.scale) >>> 0
    return (this.counts[at >>> 1]! >>> ((at & 1) << 2) & countMax) !== 0
  }

  add(key: number): void {
    const at = (key * this.scale) >>> 0
    const shift = (at & 1) << 2
    const byte = this.counts[at >>> 1]!
    if ((byte >>> shift & countMax) < countMax) this.counts[at >>> 1] = byte + (1 << shift)
  }

  remove(key: number): void {
    const at = (key * this.scale) >>> 0
    const shift = (at & 1) << 2
    const byte = this.counts[at >>> 1]!
    if ((byte >>> shift & countMax) < countMax) this.counts[at >>> 1] = byte - (1 << shift)
  }
}
