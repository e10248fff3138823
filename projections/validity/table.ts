/**
 * Open addressing with ordered linear probing. A slot is `stride` words: word 0 is the key, word `mark` is not 0 where
 * the slot is taken. Slots stand in the order of their keys, so a miss stops early; a key's home is
 * floor(key * capacity / 2^32), which rises with the key, so any capacity will do, growing keeps the order, and spare
 * slots behind the last home save the wrap. Several slots may have the same key; the first inserted stands first.
 *
 * It grows a little at a time. While it does there are two sides, and `frontier` is a slot of the old one: what has its
 * old home below the frontier is in the young side, all else in the old. Each insertion moves a few clusters, and
 * segments of the old side are dropped as the frontier passes them, so both together never take much more room than one.
 */
export const slotShift = 16
export const slotMask = 0xffff
const slotsPerSegment = slotMask + 1
/** Old slots that an insertion moves on: enough to be done well before the young side is full. */
const stepsPerInsert = 16
const capacityMin = 4

const none = new Uint32Array(0)

/** One generation of slots. */
export interface Side {
  readonly capacity: number
  /** capacity / 2^32. */
  readonly scale: number
  /** The last slot of the last one is always free, so that a probe ends. */
  readonly segments: Uint32Array[]
  slots: number
}

const segmentOf = (slots: number, stride: number): Uint32Array =>
  new Uint32Array(new SharedArrayBuffer(slots * stride * 4))

/** Where nothing was written yet: read, never written. Its pages are never touched, so it takes no memory. */
const blanks: Uint32Array[] = []
const blankOf = (stride: number): Uint32Array => blanks[stride] ??= segmentOf(slotsPerSegment, stride)

/** Segments come into being when something is first put there: a large side at once would be a pause. */
const sideOf = (capacity: number, stride: number): Side => {
  const slots = capacity + 8
  const count = Math.ceil(slots / slotsPerSegment)
  const segments = count === 1 ? [segmentOf(slots, stride)] : new Array<Uint32Array>(count).fill(blankOf(stride))
  return { capacity, scale: capacity / 4_294_967_296, segments, slots }
}

/** The segment, ready to be written. */
const written = (side: Side, index: number, stride: number): Uint32Array => {
  const segment = side.segments[index]!
  if (segment !== blanks[stride]) return segment
  return side.segments[index] = segmentOf(Math.min(slotsPerSegment, side.slots - index * slotsPerSegment), stride)
}

/** The slot where a key would like to stand. */
export const homeOf = (side: Side, key: number): number => (key * side.scale) >>> 0

const extend = (side: Side, stride: number): void => {
  const last = side.segments.length - 1
  const held = written(side, last, stride).length / stride
  if (held === slotsPerSegment) {
    side.segments.push(segmentOf(64, stride))
    side.slots += 64
    return
  }
  const room = Math.min(held * 2, slotsPerSegment)
  const larger = segmentOf(room, stride)
  larger.set(side.segments[last]!)
  side.segments[last] = larger
  side.slots += room - held
}

const copySlot = (side: Side, from: number, to: number, stride: number): void => {
  const source = side.segments[from >>> slotShift]!
  const target = side.segments[to >>> slotShift]!
  const a = (from & slotMask) * stride
  const b = (to & slotMask) * stride
  for (let i = 0; i < stride; i++) target[b + i] = source[a + i]!
}

const isTaken = (side: Side, slot: number, stride: number, mark: number): boolean =>
  side.segments[slot >>> slotShift]![(slot & slotMask) * stride + mark] !== 0

/** Puts `stride` words of `entry` from `from` where their key belongs. */
const place = (side: Side, stride: number, mark: number, entry: Uint32Array, from: number): void => {
  const key = entry[from]!
  let slot = homeOf(side, key)
  for (;;) {
    const words = side.segments[slot >>> slotShift]!
    const base = (slot & slotMask) * stride
    if (words[base + mark] === 0 || words[base]! > key) break
    slot++
  }
  let free = slot
  while (isTaken(side, free, stride, mark)) free++
  if (free === side.slots - 1) extend(side, stride)
  written(side, free >>> slotShift, stride)
  for (; free > slot; free--) copySlot(side, free - 1, free, stride)
  const words = side.segments[slot >>> slotShift]!
  const base = (slot & slotMask) * stride
  for (let i = 0; i < stride; i++) words[base + i] = entry[from + i]!
}

export interface TableOptions {
  readonly stride: number
  readonly mark: number
  readonly capacity: number
  /** The share of taken slots at which it grows, and by how much. */
  readonly loadMax: number
  readonly growth: number
}

export class OrderedTable {
  readonly stride: number
  readonly mark: number
  readonly #loadMax: number
  readonly #growth: number
  count = 0
  young: Side
  old: Side | null = null
  frontier = 0

  constructor(options: TableOptions) {
    this.stride = options.stride
    this.mark = options.mark
    this.#loadMax = options.loadMax
    this.#growth = options.growth
    this.young = sideOf(Math.max(capacityMin, options.capacity), this.stride)
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
    if (this.old !== null) this.step(stepsPerInsert)
    place(this.side(entry[0]!), this.stride, this.mark, entry, 0)
    this.count++
  }

  /** Frees a slot; those behind it that are not at home move up. */
  remove(side: Side, slot: number): void {
    const { stride, mark } = this
    for (;;) {
      const next = slot + 1
      const words = side.segments[next >>> slotShift]!
      const base = (next & slotMask) * stride
      if (words[base + mark] === 0 || homeOf(side, words[base]!) === next) break
      copySlot(side, next, slot, stride)
      slot = next
    }
    side.segments[slot >>> slotShift]![(slot & slotMask) * stride + mark] = 0
    this.count--
  }

  /** Moves on with growing by about `slots` slots of the old side, to the end of a cluster. */
  step(slots: number): void {
    const old = this.old
    if (old === null) return
    const { stride, mark } = this
    let slot = this.frontier
    for (let left = slots; left > 0 && slot < old.slots; left--) {
      while (isTaken(old, slot, stride, mark)) {
        place(this.young, stride, mark, old.segments[slot >>> slotShift]!, (slot & slotMask) * stride)
        slot++
      }
      slot++
    }
    for (let i = this.frontier >>> slotShift; i < slot >>> slotShift && i < old.segments.length; i++) old.segments[i] = none
    this.frontier = slot
    if (slot >= old.slots) {
      this.old = null
      this.frontier = 0
    }
  }

  /** Becomes smaller when most of it is free. To be called now and then. */
  fit(): void {
    if (this.old !== null || this.young.capacity < 1024 || this.count > this.young.capacity * this.#loadMax * 0.4) return
    this.#resize(Math.ceil(this.count / this.#loadMax * this.#growth) + capacityMin)
  }

  bytes(): number {
    let sum = 0
    for (const side of this.old === null ? [this.young] : [this.young, this.old]) {
      for (const segment of side.segments) if (segment !== blanks[this.stride]) sum += segment.byteLength
    }
    return sum
  }

  #resize(capacity: number): void {
    this.old = this.young
    this.frontier = 0
    this.young = sideOf(capacity, this.stride)
  }
}
