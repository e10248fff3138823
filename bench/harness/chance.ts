import type { Random } from '../../core/domain/ids.ts'

/** Repeatable chance: the same seed gives the same numbers on every machine. Not for secrets. */
export interface Chance {
  /** A whole number from 0 to `below` - 1. */
  readonly below: (below: number) => number
  readonly bytes: Random
}

/** sfc32: 128 bits of state, so that streams of different seeds have nothing in common. */
const generator = (seed: number, stream: number): (() => number) => {
  let a = seed | 0
  let b = stream | 0
  let c = 0x9e3779b9 | 0
  let count = 1
  const next = (): number => {
    const sum = (((a + b) | 0) + count) | 0
    count = (count + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let i = 0; i < 12; i++) next()
  return next
}

/** `stream`: so many different ones has every seed. */
export const chance = (seed: number, stream = 0): Chance => {
  const next = generator(seed, stream)
  return {
    below: (below) => Math.floor(next() / 0x1_0000_0000 * below),
    bytes: (count) => {
      const bytes = new Uint8Array(count)
      let word = 0
      for (let i = 0; i < count; i++) {
        word = i % 4 === 0 ? next() : word >>> 8
        bytes[i] = word
      }
      return bytes
    }
  }
}
