import type { Random } from '../../core/domain/ids.ts'

/** Repeatable chance: the same seed gives the same numbers on every machine. Not for secrets. */
export interface Chance {
  /** A whole number from 0 to `below` - 1. */
  readonly below: (below: number) => number
  readonly bytes: Random
}

/** mulberry32: 32 bits of state, good enough to scatter reads. */
const generator = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

export const chance = (seed: number): Chance => {
  const next = generator(seed)
  return {
    below: (below) => Math.floor(next() / 0x1_0000_0000 * below),
    bytes: (count) => {
      const bytes = new Uint8Array(count)
      for (let i = 0; i < count; i++) bytes[i] = next() >>> 24
      return bytes
    }
  }
}
