import type { Digest, SessionId } from '../../core/domain/ids.ts'

/** 2^32: what the high word of a time counts. */
export const wordSpan = 4_294_967_296
/** The latest moment that 48 bits of ms hold. */
export const latestMs = 281_474_976_710_655

const sextets = new Uint8Array(128)
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
for (let i = 0; i < alphabet.length; i++) sextets[alphabet.charCodeAt(i)] = i

const sextet = (text: string, i: number): number => sextets[text.charCodeAt(i)]!

const swapped = (word: number): number =>
  word << 24 | (word & 0xff00) << 8 | word >>> 8 & 0xff00 | word >>> 24

/** The eight words of a digest, little-endian, into `words` from 0. */
export const readDigest = (digest: Digest, words: Uint32Array): void => {
  let held = 0
  let bits = 0
  let word = 0
  for (let i = 0; i < 43; i++) {
    const value = sextet(digest, i)
    const room = 32 - bits
    if (room > 6) {
      held = held << 6 | value
      bits += 6
    } else {
      words[word++] = swapped(held << room | value >>> (6 - room))
      held = value & ((1 << (6 - room)) - 1)
      bits = 6 - room
    }
  }
}

/** The digest that stands in `words` from `base`. */
export const digestText = (words: Uint32Array, base: number): Digest => {
  let text = ''
  for (let bit = 0; bit < 258; bit += 6) {
    const word = swapped(words[base + (bit >>> 5)]!)
    const shift = 26 - (bit & 31)
    if (shift >= 0) text += alphabet[word >>> shift & 63]!
    else {
      const next = bit < 250 ? swapped(words[base + (bit >>> 5) + 1]!) : 0
      text += alphabet[(word << -shift | next >>> (32 + shift)) & 63]!
    }
  }
  return text as Digest
}

/** A lower-case hex digit: of a letter bit 6 is set, and its low bits count from 1. */
const digit = (code: number): number => (code & 15) + (code >>> 6) * 9
const byteAt = (id: string, i: number): number => digit(id.charCodeAt(i)) << 4 | digit(id.charCodeAt(i + 1))

/** The four words of a session id, big-endian, into `words` from 0. */
export const readId = (id: SessionId, words: Uint32Array): void => {
  words[0] = byteAt(id, 0) << 24 | byteAt(id, 2) << 16 | byteAt(id, 4) << 8 | byteAt(id, 6)
  words[1] = byteAt(id, 9) << 24 | byteAt(id, 11) << 16 | byteAt(id, 14) << 8 | byteAt(id, 16)
  words[2] = byteAt(id, 19) << 24 | byteAt(id, 21) << 16 | byteAt(id, 24) << 8 | byteAt(id, 26)
  words[3] = byteAt(id, 28) << 24 | byteAt(id, 30) << 16 | byteAt(id, 32) << 8 | byteAt(id, 34)
}

/** The same from the 16 bytes that stand in `bytes` from `at`. */
export const readIdBytes = (bytes: Uint8Array, at: number, words: Uint32Array): void => {
  for (let i = 0; i < 4; i++) {
    const b = at + i * 4
    words[i] = bytes[b]! << 24 | bytes[b + 1]! << 16 | bytes[b + 2]! << 8 | bytes[b + 3]!
  }
}

const { fromCharCode } = String

/**
 * `length` characters of one byte each from `at`. Many at a time: one by one takes four times as long (170 ns for a
 * subject of 16 characters).
 */
export const latinText = (b: Uint8Array, at: number, length: number): string => {
  const end = at + length
  let text = ''
  let i = at
  for (; i + 16 <= end; i += 16) {
    text += fromCharCode(
      b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!,
      b[i + 8]!, b[i + 9]!, b[i + 10]!, b[i + 11]!, b[i + 12]!, b[i + 13]!, b[i + 14]!, b[i + 15]!)
  }
  for (; i + 4 <= end; i += 4) text += fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!)
  for (; i < end; i++) text += fromCharCode(b[i]!)
  return text
}

const digitCodes = Uint8Array.from('0123456789abcdef', (character) => character.charCodeAt(0))
const high = (byte: number): number => digitCodes[byte >>> 4]!
const low = (byte: number): number => digitCodes[byte & 15]!
const dash = 45

/** The session id that stands in `bytes` from `at`. In two pieces, for the same reason. */
export const idText = (bytes: Uint8Array, at: number): SessionId => {
  const a = bytes[at]!, b = bytes[at + 1]!, c = bytes[at + 2]!, d = bytes[at + 3]!
  const e = bytes[at + 4]!, f = bytes[at + 5]!, g = bytes[at + 6]!, h = bytes[at + 7]!
  const i = bytes[at + 8]!, j = bytes[at + 9]!, k = bytes[at + 10]!, l = bytes[at + 11]!
  const m = bytes[at + 12]!, n = bytes[at + 13]!, o = bytes[at + 14]!, p = bytes[at + 15]!
  return fromCharCode(
    high(a), low(a), high(b), low(b), high(c), low(c), high(d), low(d), dash, high(e), low(e), high(f), low(f), dash,
    high(g), low(g), high(h), low(h)
  ) + fromCharCode(
    dash, high(i), low(i), high(j), low(j), dash, high(k), low(k), high(l), low(l), high(m), low(m), high(n), low(n),
    high(o), low(o), high(p), low(p)
  ) as SessionId
}

/** Ids are random in their last 62 bits, but ids of tests and other mints need not be: hence the mixing. */
const mix = (a: number, b: number, c: number, d: number, seed: number): number => {
  let h = seed
  h = Math.imul(h ^ a, 0x85ebca6b)
  h = Math.imul(h ^ h >>> 15 ^ b, 0xc2b2ae35)
  h = Math.imul(h ^ h >>> 13 ^ c, 0x27d4eb2f)
  h = Math.imul(h ^ h >>> 16 ^ d, 0x165667b1)
  h = Math.imul(h ^ h >>> 15, 0x85ebca6b)
  return (h ^ h >>> 16) >>> 0
}

/** 32 bits of the id that stands in `words`. */
export const idHash = (words: Uint32Array): number => mix(words[0]!, words[1]!, words[2]!, words[3]!, 0x9e3779b9)
/** Another 32, independent of the first. */
export const idHashMore = (words: Uint32Array): number => mix(words[3]!, words[2]!, words[1]!, words[0]!, 0x7f4a7c15)

/**
 * 32 bits of a name (HalfSipHash, one round a word, three at the end). Subjects may be chosen by strangers: with a
 * secret key they cannot aim at one place of the table.
 */
export const nameHash = (name: string, key0: number, key1: number): number => {
  let v0 = key0 | 0
  let v1 = key1 | 0
  let v2 = 0x6c796765 ^ key0
  let v3 = 0x74656462 ^ key1
  const rounds = (name.length + 1 >>> 1) + 4
  for (let i = 0; i < rounds; i++) {
    const at = i << 1
    let m = 0
    if (at < name.length) m = name.charCodeAt(at) | (at + 1 < name.length ? name.charCodeAt(at + 1) << 16 : 0)
    else if (i === rounds - 4) m = name.length
    if (i === rounds - 3) v2 ^= 0xff
    v3 ^= m
    v0 = v0 + v1 | 0
    v1 = (v1 << 5 | v1 >>> 27) ^ v0
    v0 = v0 << 16 | v0 >>> 16
    v2 = v2 + v3 | 0
    v3 = (v3 << 8 | v3 >>> 24) ^ v2
    v0 = v0 + v3 | 0
    v3 = (v3 << 7 | v3 >>> 25) ^ v0
    v2 = v2 + v1 | 0
    v1 = (v1 << 13 | v1 >>> 19) ^ v2
    v2 = v2 << 16 | v2 >>> 16
    v0 ^= m
  }
  return (v1 ^ v3) >>> 0
}
