import { hash } from 'node:crypto'
import type { SessionId } from '../../core/domain/ids.ts'
import { isToken, tokenLength } from '../../core/domain/token.ts'
import type { Refusal, Verdict } from '../../core/domain/verdict.ts'
import { currentToken, pendingToken, SessionView } from './session-view.ts'
import { settle } from './sessions.ts'
import {
  aheadBit, aliasBits, blobWord, confirmableBit, deadlineAt, deadlineWord, dirtyBit, hiddenBits, highWord, limitsShift,
  pendingBit, previousBit, renewWord, rowWord, seenAt, seenWord, setSeen, slotWords, stampWord, stateWord
} from './slot.ts'
import type { Space } from './space.ts'
import { homeOf, slotMask, slotShift } from './table.ts'
import { digestText, idText, readId, wordSpan } from './words.ts'

const refusal = (reason: Refusal): Verdict => Object.freeze({ ok: false, reason })
const malformed = refusal('malformed')
const unknown = refusal('unknown')
const ended = refusal('ended')
const absolute = refusal('absolute')
const idle = refusal('idle')
const superseded = refusal('superseded')

/** A token's presentation that was told and led to nothing is told again after this long. */
export const tellAgainMs = 10_000

/** Two bytes a character: reading half as many characters saves a tenth of the hash's own time. */
const encoding = 'utf16le'

/** Word `i` of a digest that is a string of 16 characters. */
const wordOf = (digest: string, i: number): number =>
  (digest.charCodeAt(i << 1) | digest.charCodeAt((i << 1) + 1) << 16) >>> 0

const isOf = (words: Uint32Array, base: number, digest: string): boolean => {
  for (let i = 1; i < 8; i++) if (words[base + i] !== wordOf(digest, i)) return false
  return true
}

/**
 * The hot path: one hash, usually one cache line, and two small objects. Of a token's form only the length is asked,
 * which bounds the work: what hashes to a digest of the table is the token, and all else is unknown.
 */
export const check = (space: Space, token: unknown, now: number, touch: boolean): Verdict => {
  if (typeof token !== 'string' || token.length !== tokenLength) return malformed
  const digest = hash('sha256', token, encoding)
  const key = wordOf(digest, 0)
  const { tokens } = space
  const old = tokens.old
  const side = old !== null && ((key * old.scale) >>> 0) >= tokens.frontier ? old : tokens.young
  if (!side.occupancy!.mayHold(key)) return unknown
  const { segments } = side
  for (let slot = (key * side.scale) >>> 0; ; slot++) {
    const words = segments[slot >>> slotShift]!
    const base = (slot & slotMask) * slotWords
    const here = words[base]!
    if (words[base + rowWord] === 0 || here > key) return unknown
    if (here === key && isOf(words, base, digest)) return answer(space, words, base, now, touch)
  }
}

/** The session as a valid token's holder sees it. Leaves no trace and tells nobody. */
export const peek = (space: Space, token: unknown, now: number): SessionView | undefined => {
  if (!isToken(token)) return undefined
  const digest = hash('sha256', token, encoding)
  const key = wordOf(digest, 0)
  const side = space.tokens.side(key)
  for (let slot = homeOf(side, key); ; slot++) {
    const words = side.segments[slot >>> slotShift]!
    const base = (slot & slotMask) * slotWords
    if (words[base + rowWord] === 0 || words[base]! > key) return undefined
    if (words[base] !== key || !isOf(words, base, digest)) continue
    const state = words[base + stateWord]!
    const { words: homeWords, base: homeBase } = space.home(words[base + rowWord]!)
    settle(space, homeWords, homeBase)
    if (refuse(space, homeWords, homeBase, now) !== null) return undefined
    if ((state & previousBit) !== 0 && now >= deadlineAt(words, base)) return undefined
    const which = (state & aliasBits) === 0 ? currentToken
      : (state & pendingBit) !== 0 ? pendingToken : words[base + renewWord]!
    return present(space, homeWords, homeBase, now, false, which)
  }
}

const answer = (space: Space, words: Uint32Array, base: number, now: number, touch: boolean): Verdict => {
  if ((words[base + stateWord]! & aliasBits) !== 0) return answerAlias(space, words, base, now, touch)
  if (words[base + stampWord] !== space.wides.stamp) settle(space, words, base)
  const refused = refuse(space, words, base, now)
  if (refused !== null) return refused
  const session = present(space, words, base, now, touch, currentToken)
  const renew = words[base + renewWord]!
  return renew !== 0 && now >= renew * 1_000 ? { ok: true, session, renew: true } : { ok: true, session }
}

/**
 * Why the session at this home is refused at `now`, or null. What is refused once is refused for good because `now`
 * never goes back (TrustedTime): no mark is left.
 */
const refuse = (space: Space, words: Uint32Array, base: number, now: number): Verdict | null => {
  const state = words[base + stateWord]!
  if ((state & hiddenBits) !== 0) return ended
  const high = words[base + highWord]!
  if (now >= (high >>> 16) * wordSpan + words[base + deadlineWord]!) return absolute
  const seen = (high & 0xffff) * wordSpan + words[base + seenWord]!
  return now - seen >= space.dictionary.limits[state >>> limitsShift]!.idle ? idle : null
}

/** The valid session at this home as the app sees it; `touch`: as seen now. */
const present = (
  space: Space, words: Uint32Array, base: number, now: number, touch: boolean, token: number
): SessionView => {
  const seen = seenAt(words, base)
  const address = words[base + blobWord]!
  const bytes = space.blobs.bytesOf(address)
  const at = space.blobs.offsetOf(address)
  if (touch && now >= seen + 1) seeAgain(space, words, base, seen, Math.floor(now))
  return new SessionView(
    space.dictionary, bytes, at, words[base + highWord]! & 0xffff, words[base + seenWord]! | 0, token)
}

const seeAgain = (space: Space, words: Uint32Array, base: number, seen: number, now: number): void => {
  const state = words[base + stateWord]!
  setSeen(words, base, now)
  if ((state & (dirtyBit | aheadBit)) !== (dirtyBit | aheadBit)) {
    const row = words[base + rowWord]!
    if ((state & aheadBit) === 0) space.rows.folded.set(row, seen >>> 0)
    if ((state & dirtyBit) === 0) space.active.push(row)
    words[base + stateWord] = state | dirtyBit | aheadBit
  }
  if ((now - seen) * 2 > space.dictionary.limits[state >>> limitsShift]!.idle) {
    const cold = space.cold(words[base + blobWord]!)
    space.events.onReturn(idText(cold.bytes, cold.idAt))
  }
}

/** The same for a session that was seen elsewhere. */
export const see = (space: Space, id: SessionId, at: number): void => {
  readId(id, space.id)
  const row = space.ids.find(space.id)
  if (row === 0) return
  const { words, base } = space.home(row)
  settle(space, words, base)
  const seen = seenAt(words, base)
  if ((words[base + stateWord]! & hiddenBits) === 0 && at > seen) seeAgain(space, words, base, seen, at)
}

/** A pending or previous token: what its session says, and what the token itself is still good for. */
const answerAlias = (space: Space, words: Uint32Array, base: number, now: number, touch: boolean): Verdict => {
  const home = space.home(words[base + rowWord]!)
  const homeWords = home.words
  const homeBase = home.base
  if (homeWords[homeBase + stampWord] !== space.wides.stamp) settle(space, homeWords, homeBase)
  const refused = refuse(space, homeWords, homeBase, now)
  if (refused !== null) return refused
  const state = words[base + stateWord]!
  const isPending = (state & pendingBit) !== 0
  if (!isPending && now >= deadlineAt(words, base)) {
    space.events.onReuse(idOf(space, homeWords, homeBase), digestText(words, base))
    return superseded
  }
  const session = present(space, homeWords, homeBase, now, touch, isPending ? pendingToken : words[base + renewWord]!)
  if (isPending || (state & confirmableBit) !== 0) tellPresented(space, words, base, homeWords, homeBase, now)
  return { ok: true, session }
}

const idOf = (space: Space, words: Uint32Array, base: number) => {
  const cold = space.cold(words[base + blobWord]!)
  return idText(cold.bytes, cold.idAt)
}

/** Once, and again after a while if the token is presented still unconfirmed: the confirmation may have been lost. */
const tellPresented = (
  space: Space, words: Uint32Array, base: number, homeWords: Uint32Array, homeBase: number, now: number
): void => {
  const told = seenAt(words, base)
  if (told !== 0 && now - told < tellAgainMs) return
  setSeen(words, base, Math.max(1, now))
  space.events.onPendingPresented(idOf(space, homeWords, homeBase), digestText(words, base))
}
