import type { EndReason } from '../../core/domain/events.ts'
import { latestMs, wordSpan } from './words.ts'

/**
 * The hot slot: one cache line of 16 words. 0-7 digest. The slot of a session's current token is its home and holds: 8
 * absolute deadline, low word; 9 last seen, low word; 10 the high 16 bits of both (deadline above); 11 when to renew
 * (whole seconds, rounded up, 0: never), or once ended when to reclaim; 12 the stamp, up to which wide revocations
 * were settled; 13 state bits, reason and limits; 14 row; 15 address of the blob. The slot of a pending or previous
 * token is an alias and leads to the home by its row: 8 and 10 end of its grace; 9 and 10 when its presentation was
 * last told; 11 its place among the previous ones.
 */
export const slotWords = 16
export const deadlineWord = 8
export const seenWord = 9
export const highWord = 10
export const renewWord = 11
export const stampWord = 12
export const stateWord = 13
export const rowWord = 14
export const blobWord = 15

/** The fold has ended it. */
export const endedBit = 1
/** An early revocation has ended it; the fold has not yet. */
export const earlyBit = 2
/** An event of it cannot be read. */
export const blockedBit = 4
/** Any of these: the session is not valid. */
export const hiddenBits = 7
export const pendingBit = 8
export const previousBit = 16
/** Either of these: not a home. */
export const aliasBits = 24
/** A previous token that becomes current when it is presented in time. */
export const confirmableBit = 32
/** Seen on this node since the last batch of activity was taken. */
export const dirtyBit = 64
/** Seen on this node later than the log has said so far. */
export const aheadBit = 128
const reasonShift = 8
const reasonBits = 7 << reasonShift
export const limitsShift = 11
/** So many distinct limits fit. */
export const limitsMax = 2 ** 21

const reasons: readonly EndReason[] = [
  'logout', 'revoked', 'idle', 'absolute', 'superseded', 'token-reuse', 'evicted', 'migrated'
]

export const reasonOrdinal = (reason: EndReason): number => reasons.indexOf(reason)
export const reasonOf = (ordinal: number): EndReason => reasons[ordinal]!
export const reasonIn = (state: number): EndReason => reasons[(state & reasonBits) >>> reasonShift]!
export const withReason = (state: number, reason: EndReason): number =>
  (state & ~reasonBits | reasonOrdinal(reason) << reasonShift) >>> 0

export const deadlineAt = (words: Uint32Array, base: number): number =>
  (words[base + highWord]! >>> 16) * wordSpan + words[base + deadlineWord]!

export const seenAt = (words: Uint32Array, base: number): number =>
  (words[base + highWord]! & 0xffff) * wordSpan + words[base + seenWord]!

export const setSeen = (words: Uint32Array, base: number, ms: number): void => {
  words[base + seenWord] = ms >>> 0
  words[base + highWord] = words[base + highWord]! & 0xffff0000 | (ms / wordSpan) >>> 0
}

/** A moment past what 48 bits hold counts as the last that they do: nothing is stretched by it. */
export const setDeadline = (words: Uint32Array, base: number, ms: number): void => {
  const held = Math.min(ms, latestMs)
  words[base + deadlineWord] = held >>> 0
  words[base + highWord] = (words[base + highWord]! & 0xffff) | (held / wordSpan) << 16
}

/** Seconds for a word, rounded up; 0 stays for never. */
export const wordSeconds = (ms: number): number => Math.min(Math.ceil(ms / 1_000), wordSpan - 1)
