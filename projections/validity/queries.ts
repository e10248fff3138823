import type { Digest, SessionId } from '../../core/domain/ids.ts'
import type { LiveSession, SessionState } from '../../core/domain/session.ts'
import type { Session } from '../../core/domain/verdict.ts'
import type { Found, Named } from '../../core/store/ports.ts'
import { currentToken, SessionView } from './session-view.ts'
import { load, settle } from './sessions.ts'
import {
  aheadBit, aliasBits, blobWord, confirmableBit, deadlineAt, dirtyBit, endedBit, hiddenBits, highWord, limitsShift, pendingBit,
  reasonIn, rowWord, seenAt, seenWord, slotWords, stateWord
} from './slot.ts'
import type { Place, Space } from './space.ts'
import { homeOf, slotMask, slotShift } from './table.ts'
import { walk } from './walk.ts'
import { idText, readDigest, readId } from './words.ts'

/** Scopes up to this size are settled to be counted; larger ones are counted as far as they are settled. */
const countedMax = 65_536

/** The row's home, held against wide revocations. */
const settled = (space: Space, row: number): Place => {
  const { words, base } = space.home(row)
  settle(space, words, base)
  // Anew: settling may have looked at other homes, and there is but one such object.
  return space.home(row)
}

const isHidden = ({ words, base }: Place): boolean => (words[base + stateWord]! & hiddenBits) !== 0

const isPast = (space: Space, { words, base }: Place, now: number): boolean =>
  now >= deadlineAt(words, base)
  || now - seenAt(words, base) >= space.dictionary.limits[words[base + stateWord]! >>> limitsShift]!.idle

const viewOf = (space: Space, { words, base }: Place): Session => {
  const address = words[base + blobWord]!
  return new SessionView(
    space.dictionary, space.blobs.bytesOf(address), space.blobs.offsetOf(address),
    words[base + highWord]! & 0xffff, words[base + seenWord]! | 0, currentToken
  )
}

const loaded = (space: Space, { words, base }: Place): LiveSession => load(space, words, base, seenAt(words, base))

const rowOf = (space: Space, id: SessionId): number => {
  readId(id, space.id)
  return space.ids.find(space.id)
}

export const stateOf = (space: Space, id: SessionId): SessionState => {
  const row = rowOf(space, id)
  if (row === 0) {
    const reason = space.remembered.reason(space.id)
    return reason === undefined ? { status: 'none' } : { status: 'ended', id, reason }
  }
  const place = settled(space, row)
  return isHidden(place)
    ? { status: 'ended', id, reason: reasonIn(place.words[place.base + stateWord]!) }
    : loaded(space, place)
}

/** A row that is hidden may yet be live by the log. */
export const endable = (space: Space, id: SessionId): Named | 'ended' | undefined => {
  const row = rowOf(space, id)
  if (row === 0) return space.remembered.reason(space.id) === undefined ? undefined : 'ended'
  const { words, base } = settled(space, row)
  if ((words[base + stateWord]! & endedBit) !== 0) return 'ended'
  const cold = space.cold(words[base + blobWord]!)
  return { session: id, subject: cold.subject(), tenant: space.dictionary.tenants[cold.tenant]! }
}

/** The session of a token that this node remembers, whatever became of it. */
export const sessionOf = (space: Space, digest: Digest): SessionId | undefined => {
  const place = slotOfToken(space, digest)
  if (place === undefined) return undefined
  const home = space.home(place.words[place.base + rowWord]!)
  const cold = space.cold(home.words[home.base + blobWord]!)
  return idText(cold.bytes, cold.idAt)
}

const slotOfToken = (space: Space, digest: Digest): Place | undefined => {
  const wanted = new Uint32Array(8)
  readDigest(digest, wanted)
  const key = wanted[0]!
  const side = space.tokens.side(key)
  for (let slot = homeOf(side, key); ; slot++) {
    const words = side.segments[slot >>> slotShift]!
    const base = (slot & slotMask) * slotWords
    if (words[base + rowWord] === 0 || words[base]! > key) return undefined
    let i = 0
    while (i < 8 && words[base + i] === wanted[i]) i++
    if (i === 8) return { words, base }
  }
}

export const findToken = (space: Space, digest: Digest): Found | undefined => {
  const slot = slotOfToken(space, digest)
  if (slot === undefined) return undefined
  const { words, base } = slot
  const state = words[base + stateWord]!
  const place = settled(space, words[base + rowWord]!)
  if (isHidden(place)) return undefined
  const session = loaded(space, place)
  if ((state & aliasBits) === 0) return { kind: 'current', confirmable: false, goodUntil: Infinity, session }
  if ((state & pendingBit) !== 0) return { kind: 'pending', confirmable: true, goodUntil: Infinity, session }
  const confirmable = (state & confirmableBit) !== 0
  return { kind: 'previous', confirmable, goodUntil: deadlineAt(words, base), session }
}

export const getSession = (space: Space, id: SessionId, now: number): Session | undefined => {
  const row = rowOf(space, id)
  if (row === 0) return undefined
  const place = settled(space, row)
  return isHidden(place) || isPast(space, place, now) ? undefined : viewOf(space, place)
}

/** The valid sessions of a list, newest first. */
const listed = <A>(
  space: Space, head: number, older: (row: number) => number, now: number, make: (space: Space, place: Place) => A
): A[] => {
  const sessions: A[] = []
  for (let row = head; row !== 0;) {
    // Settling may take the row out of the list.
    const next = older(row)
    const place = settled(space, row)
    if (!isHidden(place) && !isPast(space, place, now)) sessions.push(make(space, place))
    row = next
  }
  return sessions
}

export const listSubject = (space: Space, subject: string, now: number): Session[] =>
  listed(space, space.bySubject.head(subject), (row) => space.bySubject.older(row), now, viewOf)

export const standingOf = (space: Space, subject: string, now: number): LiveSession[] =>
  listed(space, space.bySubject.head(subject), (row) => space.bySubject.older(row), now, loaded).reverse()

export const listTenant = (space: Space, tenant: string, now: number): Session[] => {
  const ordinal = space.dictionary.tenantKnown(tenant)
  if (ordinal === undefined) return []
  return listed(space, space.byTenant.head(ordinal), (row) => space.byTenant.older(row), now, viewOf)
}

export const countSubject = (space: Space, subject: string): number =>
  listed(space, space.bySubject.head(subject), (row) => space.bySubject.older(row), -Infinity, () => true).length

/** Live sessions of a tenant by its ordinal, or of everyone: 0. */
export const countTenantOrAll = (space: Space, tenant: number): number => {
  const live = tenant === 0 ? space.live : space.byTenant.live(tenant)
  if (live > countedMax || space.wides.entries.every((entry) => entry.isCounted)) return live
  if (tenant !== 0) {
    for (let row = space.byTenant.head(tenant); row !== 0;) {
      const older = space.byTenant.older(row)
      settled(space, row)
      row = older
    }
    return space.byTenant.live(tenant)
  }
  walk(space.tokens, 0, Infinity, (side, slot) => {
    const words = side.segments[slot >>> slotShift]!
    const base = (slot & slotMask) * slotWords
    if ((words[base + stateWord]! & aliasBits) === 0) settle(space, words, base)
    return false
  })
  return space.live
}

export const takeActivity = (space: Space, most: number): (readonly [SessionId, number])[] => {
  const seen: (readonly [SessionId, number])[] = []
  while (seen.length < most) {
    const row = space.active.take()
    if (row === 0) return seen
    if (!space.hasHome(row)) continue
    const { words, base } = settled(space, row)
    const state = words[base + stateWord]!
    // A row that was given to another session meanwhile, or of which the log has told as much.
    if ((state & dirtyBit) === 0) continue
    words[base + stateWord] = state & ~dirtyBit
    if ((state & aheadBit) === 0 || (state & hiddenBits) !== 0) continue
    const cold = space.cold(words[base + blobWord]!)
    seen.push([idText(cold.bytes, cold.idAt), seenAt(words, base)])
  }
  return seen
}
