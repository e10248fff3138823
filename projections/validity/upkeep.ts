import type { LiveSession } from '../../core/domain/session.ts'
import { end, load, reclaim, settle } from './sessions.ts'
import {
  aliasBits, blobWord, blockedBit, deadlineAt, endedBit, hiddenBits, limitsShift, reasonIn, renewWord, rowWord, seenAt,
  slotWords, stateWord
} from './slot.ts'
import type { Round, Space } from './space.ts'
import { slotMask, slotShift, type Side } from './table.ts'
import { reseek, walk } from './walk.ts'
import { readIdBytes } from './words.ts'

/** An ended session answers `ended` for so long, by the sweep's time, and until its absolute deadline at most. */
export const endedMs = 600_000
/** A session that cannot be read is given back so long after its absolute deadline. */
const blockedMs = 3_600_000

const advance = (space: Space, round: Round, most: number, visit: (side: Side, slot: number) => boolean): boolean => {
  if (round.cursor === 0) round.stamp = space.wides.stamp
  round.cursor = walk(space.tokens, round.cursor, most, visit)
  if (round.cursor !== 0) return false
  space.wides.trim(round.stamp)
  return true
}

/**
 * Holds the next slots of the settling round against the wide revocations, so that few wait at a time: a round takes at
 * most 16,384 of these steps.
 */
export const settleSome = (space: Space): void => {
  const most = Math.max(space.settleMin, space.tokens.young.capacity >>> 14)
  advance(space, space.settling, most, (side, slot) => {
    const words = side.segments[slot >>> slotShift]!
    const base = (slot & slotMask) * slotWords
    if ((words[base + stateWord]! & aliasBits) === 0) settle(space, words, base)
    return false
  })
}

/** Sessions that are watched are not left for later. */
export const settleWatched = (space: Space): void => {
  for (const row of space.watched) {
    const { words, base } = space.home(row)
    settle(space, words, base)
  }
}

/** Moves a few blobs out of segments that are mostly garbage. */
export const compact = (space: Space, most: number): void => {
  for (let left = most; left > 0; left--) {
    const address = space.blobs.victim()
    if (address < 0) return
    const { bytes, idAt, length } = space.cold(address)
    readIdBytes(bytes, idAt, space.id)
    const row = space.ids.find(space.id)
    if (row !== 0) {
      const { words, base } = space.home(row)
      if (words[base + blobWord] === address) {
        words[base + blobWord] = space.blobs.append(bytes, space.blobs.offsetOf(address), length)
        space.blobs.walked(length)
        space.blobs.free(address, length)
        continue
      }
    }
    space.blobs.walked(length)
  }
}

export interface Expired {
  readonly session: LiveSession
  readonly reason: 'idle' | 'absolute'
}

/** One step of the sweep; true at the end of a round. Adds to `expired`. */
export const sweepSome = (space: Space, now: number, most: number, expired: Expired[]): boolean => {
  const wrapped = advance(space, space.sweeping, most, (side, slot) => {
    const words = side.segments[slot >>> slotShift]!
    const base = (slot & slotMask) * slotWords
    if ((words[base + stateWord]! & aliasBits) !== 0) return false
    settle(space, words, base)
    if ((words[base + stateWord]! & hiddenBits) !== 0) return sweepHidden(space, words, base, now)
    const reason = now >= deadlineAt(words, base) ? 'absolute'
      : now - seenAt(words, base) >= space.dictionary.limits[words[base + stateWord]! >>> limitsShift]!.idle ? 'idle'
      : undefined
    if (reason !== undefined) expired.push({ session: load(space, words, base, seenAt(words, base)), reason })
    return false
  })
  space.tokens.step(most)
  space.ids.tidy(most)
  space.bySubject.tidy(most)
  space.remembered.sweep(now, most)
  compact(space, most)
  if (wrapped) {
    space.tokens.fit()
    space.ids.fit()
    space.bySubject.fit()
  }
  return wrapped
}

const sweepHidden = (space: Space, words: Uint32Array, base: number, now: number): boolean => {
  const state = words[base + stateWord]!
  const row = words[base + rowWord]!
  if ((state & endedBit) === 0) {
    if ((state & blockedBit) === 0 || now < deadlineAt(words, base) + blockedMs) return false
    end(space, row, 'revoked')
    reclaim(space, row, 'revoked')
    return reseek
  }
  const due = words[base + renewWord]!
  if (due === 0) words[base + renewWord] = Math.ceil((now + endedMs) / 1_000)
  if ((due === 0 || now < due * 1_000) && now < deadlineAt(words, base)) return false
  reclaim(space, row, reasonIn(state))
  return reseek
}
