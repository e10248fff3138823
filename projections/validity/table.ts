import { Occupancy } from './occupancy.ts'
import { sharedWords } from './shared.ts'

/**
 * Open addressing with ordered linear probing. A slot is `stride` words: word 0 is the key, word `mark` is not 0 where
 * the slot is taken. Slots stand in the order of their keys, so a miss stops early; a key's home is floor(key *
 * capacity / 2^32), which rises with the key, so any capacity will do, growing keeps the order, and spare slots behind
 * the last home save the wrap. Several slots may have the same key; the first inserted stands first.
 *
 * It grows a little at a time. While it does there are two sides, and `frontier` is a slot of the old one: what has
 * its old home below the frontier is in the young side, all else in the old. Each insertion moves a few clusters, and
 * segments of the old side are dropped as the frontier passes them, so both together never take much more room than
 * one.
 */
export const slotShift = 14
export const slotMask = 0x3fff
const slotsPerSegment = slotMask + 1
/**
 * Old slots that an insertion moves on. Six would do to be done before the young side is full; but while there are two
 * sides a lookup guesses wrong which of them it needs, so they are to be short: a tenth of the time.
 */
const stepsPerInsert = 64
const capacityMin = 4
/** Left segments that are kept at most. */
const poolMax = 4

const none = new Uint32Array(0)

/** One generation of slots. */
export interface Side {
  readonly capacity: number
  /** capacity / 2^32. */
  readonly scale: number
  /** The last slot of the last one is always free, so that a probe ends. */
  readonly segments: Uint32Array[]
  slots: number
  /** Segments that the table's sides have left, with every slot free. */
  readonly pool: Uint32Array[]
  /** Null: misses are not worth it. Of an old side it also counts the keys that have moved on. */
  readonly occupancy: Occupancy | null
}

const segmentOf = (slots: number, stride: number): Uint32Array =>
  sharedWords(slots * stride)

/** Where nothing was written yet: read, never written. Its pages are never touched, so it takes no memory. */
const blanks: Uint32Array[] = []
const blankOf = (stride: number): Uint32Array => blanks[stride] ??= segmentOf(slotsPerSegment, stride)

/** Segments come into being when something is first put there: a large side at once would be a pause. */
const sideOf = (capacity: number, stride: number, pool: Uint32Array[], counts: boolean): Side => {
  const wanted = capacity + 8
  const count = Math.ceil(wanted / slotsPerSegment)
  const slots = count === 1 ? wanted : count * slotsPerSegment
  const segments = count === 1 ? [segmentOf(slots, stride)] : new Array<Uint32Array>(count).fill(blankOf(stride))
  const occupancy = counts ? new Occupancy(capacity) : null
  return { capacity, scale: capacity / 4_294_967_296, segments, slots, pool, occupancy }
}

/** The segment, ready to be written. */
const written = (side: Side, index: number, stride: number): Uint32Array => {
  const segment = side.segments[index]!
  if (segment !== blanks[stride]) return segment
  return side.segments[index] = side.pool.pop() ?? segmentOf(slotsPerSegment, stride)
}

/** The slot where a key would like to stand. */
export const homeOf = (side: Side, key: number): number => (key * side.scale) >>> 0

const extend = (side: Side, stride: number): void => {
  const last = side.segments.length - 1
  if (last > 0 || side.slots === slotsPerSegment) {
    side.segments.push(blankOf(stride))
    side.slots += slotsPerSegment
    return
  }
  const larger = segmentOf(Math.min(side.slots * 2, slotsPerSegment), stride)
  larger.set(side.segments[0]!)
  side.segments[0] = larger
  side.slots = larger.length / stride
}

const copySlot = (side: Side, from: number, to: number, stride: number): void => {
  const source = side.segments[from >>> slotShift]!
  const target = side.segments[to >>> slotShift]!
  const a = (from & slotMask) * stride
  const b = (to & slotMask) * stride
  for (let i = 0; i < stride; i++) target[b + i] = source[a + i]!
}

/** Moves the slots from `slot` to before `free` up by one, segment by segment from behind. */
const shiftUp = (side: Side, slot: number, free: number, stride: number): void => {
  let end = free
  while (end > slot) {
    const first = Math.max(slot, (end - 1) & ~slotMask)
    if ((end & slotMask) === 0) {
      copySlot(side, end - 1, end, stride)
      end--
      continue
    }
    const words = side.segments[first >>> slotShift]!
    const low = (first & slotMask) * stride
    for (let i = (end & slotMask) * stride - 1; i >= low; i--) words[i + stride] = words[i]!
    end = first
  }
}

/** Moves the slots behind `slot` that are not at home down by one; returns the slot that is free then. */
const shiftDown = (side: Side, slot: number, stride: number, mark: number): number => {
  let words = side.segments[slot >>> slotShift]!
  let base = (slot & slotMask) * stride
  for (let next = slot + 1; ; next++) {
    const nextWords = (next & slotMask) === 0 ? side.segments[next >>> slotShift]! : words
    const nextBase = (next & slotMask) * stride
    if (nextWords[nextBase + mark] === 0 || homeOf(side, nextWords[nextBase]!) === next) return next - 1
    for (let i = 0; i < stride; i++) words[base + i] = nextWords[nextBase + i]!
    words = nextWords
    base = nextBase
  }
}

/** Puts `stride` words of `entry` from `from` where their key belongs, and returns the slot. */
const place = (side: Side, stride: number, mark: number, entry: Uint32Array, from: number): number => {
  const key = entry[from]!
  let slot = homeOf(side, key)
  let index = slot >>> slotShift
  let words = side.segments[index]!
  let base = (slot & slotMask) * stride
  while (words[base + mark] !== 0 && words[base]! <= key) {
    slot++
    base += stride
    if ((slot & slotMask) !== 0) continue
    words = side.segments[++index]!
    base = 0
  }
  if (words[base + mark] !== 0) makeRoom(side, slot, stride, mark)
  else if (slot === side.slots - 1) extend(side, stride)
  const target = written(side, index, stride)
  for (let i = 0; i < stride; i++) target[base + i] = entry[from + i]!
  side.occupancy?.add(key)
  return slot
}

/** The same for an entry that belongs into this slot, which is free, with nothing behind it. */
const append = (side: Side, slot: number, stride: number, entry: Uint32Array, from: number): void => {
  if (slot === side.slots - 1) extend(side, stride)
  const target = written(side, slot >>> slotShift, stride)
  const base = (slot & slotMask) * stride
  for (let i = 0; i < stride; i++) target[base + i] = entry[from + i]!
  side.occupancy?.add(entry[from]!)
}

/** Moves the taken slots from `slot` on up by one. */
const makeRoom = (side: Side, slot: number, stride: number, mark: number): void => {
  let free = slot + 1
  let index = free >>> slotShift
  let words = side.segments[index]!
  let at = (free & slotMask) * stride + mark
  while (words[at] !== 0) {
    free++
    at += stride
    if ((free & slotMask) !== 0) continue
    words = side.segments[++index]!
    at = mark
  }
  if (free === side.slots - 1) extend(side, stride)
  written(side, index, stride)
  shiftUp(side, slot, free, stride)
}

export interface TableOptions {
  readonly stride: number
  readonly mark: number
  /** So many keys fit before it grows for the first time. */
  readonly keys: number
  /** The share of taken slots at which it grows, and by how much. */
  readonly loadMax: number
  readonly growth: number
  /** Old slots moved with each insertion. Default 64. */
  readonly steps?: number | undefined
  /** Whether misses are to be cheap, for two bytes a slot. */
  readonly counts?: boolean
}

export class OrderedTable {
  readonly stride: number
  readonly mark: number
  readonly #loadMax: number
  readonly #growth: number
  readonly #capacityAtFirst: number
  readonly #steps: number
  readonly #counts: boolean
  readonly #pool: Uint32Array[] = []
  count = 0
  young: Side
  old: Side | null = null
  frontier = 0

  constructor(options: TableOptions) {
    this.stride = options.stride
    this.mark = options.mark
    this.#loadMax = options.loadMax
    this.#growth = options.growth
    this.#steps = options.steps ?? stepsPerInsert
    this.#counts = options.counts === true
    this.#capacityAtFirst = Math.max(capacityMin, Math.ceil(options.keys / options.loadMax))
    this.young = sideOf(this.#capacityAtFirst, this.stride, this.#pool, this.#counts)
  }

  /** The side where this key stands, if anywhere. */
  side(key: number): Side {
    const old = this.old
    return old !== null && ((key * old.scale) >>> 0) >= this.frontier ? old : this.young
  }

  /** Takes the slot's words from `entry`; moves other slots. */
  insert(entry: Uint32Array): void {
    if (this.count + 1 > this.young.capacity * this.#loadMax) {
      this.step(Infinity)
      this.#resize(Math.ceil(this.young.capacity * this.#growth) + capacityMin)
    }
    if (this.old !== null) this.step(this.#steps)
    place(this.side(entry[0]!), this.stride, this.mark, entry, 0)
    this.count++
  }

  /** Frees a slot; those behind it that are not at home move up. */
  remove(side: Side, slot: number): void {
    const { stride, mark } = this
    side.occupancy?.remove(side.segments[slot >>> slotShift]![(slot & slotMask) * stride]!)
    const free = shiftDown(side, slot, stride, mark)
    side.segments[free >>> slotShift]![(free & slotMask) * stride + mark] = 0
    this.count--
  }

  /** Moves on with growing by about `slots` slots of the old side, to the end of a cluster. */
  step(slots: number): void {
    const old = this.old
    if (old === null) return
    const { stride, mark, young } = this
    let slot = this.frontier
    // What is moved comes in order and behind all that is in the young side: only the first needs looking for its
    // place.
    let behind = -1
    for (let left = slots; left > 0 && slot < old.slots; left--) {
      for (;;) {
        const words = old.segments[slot >>> slotShift]!
        const base = (slot & slotMask) * stride
        if (words[base + mark] === 0) break
        if (behind < 0) behind = place(young, stride, mark, words, base)
        else append(young, behind = Math.max(homeOf(young, words[base]!), behind), stride, words, base)
        behind++
        words[base + mark] = 0
        slot++
        left--
      }
      slot++
    }
    const left = slot >= old.slots ? old.segments.length : slot >>> slotShift
    for (let i = this.frontier >>> slotShift; i < left; i++) this.#leave(old, i)
    this.frontier = slot
    if (slot >= old.slots) {
      this.old = null
      this.frontier = 0
      this.#pool.length = 0
    }
  }

  /** Becomes smaller when most of it is free, but not smaller than it began. To be called now and then. */
  fit(): void {
    const capacity = Math.max(this.#capacityAtFirst, Math.ceil(this.count / this.#loadMax * this.#growth) + capacityMin)
    if (this.old === null && capacity < this.young.capacity / 2) this.#resize(capacity)
  }

  bytes(): number {
    let sum = 0
    for (const segment of this.#pool) sum += segment.byteLength
    for (const side of this.old === null ? [this.young] : [this.young, this.old]) {
      for (const segment of side.segments) if (segment !== blanks[this.stride]) sum += segment.byteLength
      sum += side.occupancy?.counts.byteLength ?? 0
    }
    return sum
  }

  /**
   * The young side goes on with the segments that the old one leaves: what is dropped instead stays until the engine
   * next looks for garbage, and in a node that grows by a million sessions that came to several times the table.
   */
  #leave(old: Side, index: number): void {
    const segment = old.segments[index]!
    old.segments[index] = none
    const isWhole = segment.length === slotsPerSegment * this.stride && segment !== blanks[this.stride]
    if (isWhole && this.#pool.length < poolMax) this.#pool.push(segment)
  }

  #resize(capacity: number): void {
    this.old = this.young
    this.frontier = 0
    this.young = sideOf(capacity, this.stride, this.#pool, this.#counts)
  }
}
