/**
 * A place in a log: how many records of each partition lie before it. A log without partitions has one. Opaque to
 * everybody who only stores, compares and passes it on.
 */
export type Position = readonly number[] & { readonly position: unique symbol }

export const position = (counts: readonly number[]): Position => counts as Position

/** The place before the first record, in a log of any number of partitions. */
export const start: Position = position([])

const at = (place: Position, partition: number): number => place[partition] ?? 0

/** Whether everything that lies before `other` lies before `place` too. */
export const reaches = (place: Position, other: Position): boolean => {
  for (let i = 0; i < other.length; i++) if (at(place, i) < other[i]!) return false
  return true
}

/** Whether the record with this offset (from 0) lies before `place`. */
export const includes = (place: Position, partition: number, offset: number): boolean => offset < at(place, partition)

/** The place right behind the record with this offset, seen from `place`. */
export const past = (place: Position, partition: number, offset: number): Position => {
  const counts: number[] = []
  for (let i = 0; i <= Math.max(place.length - 1, partition); i++) counts.push(at(place, i))
  counts[partition] = Math.max(counts[partition]!, offset + 1)
  return position(counts)
}

/** The first place that both are before. */
export const latest = (a: Position, b: Position): Position => {
  const counts: number[] = []
  for (let i = 0; i < Math.max(a.length, b.length); i++) counts.push(Math.max(at(a, i), at(b, i)))
  return position(counts)
}

/** Whether the value has a position's form. What it names is for its log to say. */
export const isPosition = (value: unknown): value is Position =>
  Array.isArray(value) && value.length <= 4_096 && value.every((count) => Number.isSafeInteger(count) && count >= 0)
