import { homeOf, slotMask, slotShift, type OrderedTable, type Side } from './table.ts'

/** What a visitor answers that has inserted or removed slots: the walk finds its place again. */
export const reseek = true

/**
 * Visits the taken slots in the order of their keys, from key `cursor` on, about `most` slots with the free ones, and
 * returns the key to go on from, or 0 at the end of the round. Keys instead of slot numbers make the walk indifferent
 * to growth and to moving slots in between: what is there all the time is visited, whatever else comes and goes.
 */
export const walk = (
  table: OrderedTable, cursor: number, most: number, visit: (side: Side, slot: number) => boolean
): number => {
  let key = cursor
  let side = table.side(key)
  let slot = homeOf(side, key)
  let visited = -1
  for (let left = most; ;) {
    if (side === table.young && table.old !== null && slot >= boundary(table) && isFree(table, side, slot)) {
      side = table.old
      slot = table.frontier
    }
    if (slot >= side.slots) return 0
    if (isFree(table, side, slot)) {
      slot++
      if (--left > 0) continue
      const next = Math.max(visited + 1, firstKey(table, side, slot))
      if (next >= 4_294_967_296) return 0
      if (next > cursor) return next
      continue
    }
    const here = side.segments[slot >>> slotShift]![(slot & slotMask) * table.stride]!
    if (here < key) {
      slot++
      continue
    }
    // Only between different keys: those that share one are visited in one go.
    if (left <= 0 && here !== visited) return here
    left--
    key = here
    visited = here
    if (visit(side, slot) === reseek) {
      side = table.side(key)
      slot = homeOf(side, key)
      continue
    }
    slot++
  }
}

/**
 * Up to which key all is visited when this slot is reached and the one before is free. Less than exact, so that
 * rounding skips nothing: one key more or less is visited twice. What the old side still has is not in the young one.
 */
const firstKey = (table: OrderedTable, side: Side, slot: number): number => {
  const { old, frontier } = table
  const key = slot / side.scale
  return Math.floor(old === null || side === old ? key : Math.min(key, frontier / old.scale)) - 2
}

/** From here on the young side, while it is being filled, holds nothing but what spilled over. */
const boundary = (table: OrderedTable): number =>
  Math.floor(table.frontier / table.old!.scale * table.young.scale) + 1

const isFree = (table: OrderedTable, side: Side, slot: number): boolean =>
  side.segments[slot >>> slotShift]![(slot & slotMask) * table.stride + table.mark] === 0
