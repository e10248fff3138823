import type { EndReason } from '../../core/domain/events.ts'
import { absoluteDeadline, revokes, type LiveSession, type PreviousToken } from '../../core/domain/session.ts'
import type { Digest } from '../../core/domain/ids.ts'
import { extrasText } from './cold.ts'
import {
  aheadBit, aliasBits, blobWord, blockedBit, confirmableBit, deadlineAt, earlyBit, endedBit, hiddenBits, limitsShift,
  pendingBit,
  previousBit, renewWord, rowWord, seenAt, setDeadline, setSeen, slotWords, stampWord, stateWord, withReason,
  wordSeconds
} from './slot.ts'
import type { Space } from './space.ts'
import { homeOf, slotMask, slotShift } from './table.ts'
import { digestText, idText, readDigest, readId } from './words.ts'

/** How long after its absolute deadline an ended id is still remembered. */
export const rememberMarginMs = 3_600_000

/** The last-seen that the log has told, without what only this node has seen. */
export const foldedSeen = (space: Space, words: Uint32Array, base: number): number => {
  const seen = seenAt(words, base)
  if ((words[base + stateWord]! & aheadBit) === 0) return seen
  return seen - (((seen >>> 0) - space.rows.folded.get(words[base + rowWord]!)) >>> 0)
}

/** The session whose home this is, with `lastSeenAt` as given. Not for an ended one. */
export const load = (space: Space, words: Uint32Array, base: number, lastSeenAt: number): LiveSession => {
  const cold = space.cold(words[base + blobWord]!)
  const extras = cold.extras()
  const { startedAt } = cold
  return {
    status: 'live',
    id: idText(cold.bytes, cold.idAt),
    subject: cold.subject(),
    tenant: space.dictionary.tenants[cold.tenant]!,
    version: cold.version,
    startedAt,
    lastSeenAt,
    limits: space.dictionary.limits[cold.limits]!,
    current: {
      digest: digestText(words, base),
      issuedAt: extras.issuedAt ?? startedAt,
      authentication: cold.authentication(space.dictionary, extras)
    },
    pending: extras.pending ?? null,
    previous: extras.previous ?? [],
    device: extras.device ?? null,
    attributes: extras.attributes ?? {},
    patches: extras.patches ?? [],
    continues: extras.continues ?? null
  }
}

/**
 * Writes the session's blob, of which `offset` and `partition` tell where it started, and returns the address.
 * `space.id` holds its id.
 */
const writeBlob = (space: Space, session: LiveSession, offset: number, partition: number): number => {
  const { authentication } = session.current
  const means = space.dictionary.meansOrdinal(authentication.level, authentication.methods)
  space.writer.write(space.id, {
    startedAt: session.startedAt,
    offset,
    partition,
    limits: space.dictionary.limitsOrdinal(session.limits),
    tenant: space.dictionary.tenantOrdinal(session.tenant),
    version: session.version,
    subject: session.subject,
    authentication
  }, means, extrasText(session, means < 0))
  return space.blobs.append(space.writer.bytes, 0, space.writer.length)
}

const renewOf = (session: LiveSession): number =>
  session.limits.renew === null ? 0 : wordSeconds(session.current.issuedAt + session.limits.renew)

/** Adds a session that has just started. `space.id` holds its id. Returns its row. */
export const add = (space: Space, session: LiveSession, offset: number, partition: number): number => {
  const { entry } = space
  entry.fill(0)
  readDigest(session.current.digest, entry)
  const address = writeBlob(space, session, offset, partition)
  const row = space.rows.take(entry[0]!)
  setDeadline(entry, 0, absoluteDeadline(session))
  setSeen(entry, 0, session.lastSeenAt)
  entry[renewWord] = renewOf(session)
  entry[stampWord] = space.wides.stamp
  entry[stateWord] = (space.dictionary.limitsOrdinal(session.limits) << limitsShift) >>> 0
  entry[rowWord] = row
  entry[blobWord] = address
  space.tokens.insert(entry)
  space.ids.add(space.id, row)
  if (session.subject !== null) space.bySubject.push(session.subject, row)
  space.live++
  if (session.tenant !== null) {
    const tenant = space.dictionary.tenantOrdinal(session.tenant)
    space.byTenant.push(tenant, row)
    space.byTenant.add(tenant, 1)
  }
  return row
}

const addAlias = (
  space: Space, row: number, digest: Digest, state: number, goodUntil: number, at: number, told: number
): void => {
  const { entry } = space
  entry.fill(0)
  readDigest(digest, entry)
  setDeadline(entry, 0, goodUntil)
  setSeen(entry, 0, told)
  entry[renewWord] = at
  entry[stateWord] = state
  entry[rowWord] = row
  space.tokens.insert(entry)
}

type Replaceable = Pick<LiveSession, 'pending' | 'previous'>

/** `told`: when the presentation of a token was last told, by digest. */
const addAliases = (
  space: Space, row: number, { pending, previous }: Replaceable, told: ReadonlyMap<Digest, number>
): void => {
  if (pending !== null) addAlias(space, row, pending.digest, pendingBit, 0, 0, told.get(pending.digest) ?? 0)
  previous.forEach(({ digest, confirmable, goodUntil }: PreviousToken, i) => {
    const state = confirmable ? previousBit | confirmableBit : previousBit
    addAlias(space, row, digest, state, goodUntil, i, told.get(digest) ?? 0)
  })
}

/** Removes the slot of this digest that belongs to `row`, its home or an alias, and returns its `seen`. */
const removeToken = (space: Space, row: number, digest: Digest, isAlias: boolean): number => {
  const { entry, tokens } = space
  readDigest(digest, entry)
  const key = entry[0]!
  const side = tokens.side(key)
  for (let slot = homeOf(side, key); ; slot++) {
    const words = side.segments[slot >>> slotShift]!
    const base = (slot & slotMask) * slotWords
    if (words[base + rowWord] !== row || ((words[base + stateWord]! & aliasBits) !== 0) !== isAlias) continue
    let i = 0
    while (i < 8 && words[base + i] === entry[i]) i++
    if (i < 8) continue
    const seen = seenAt(words, base)
    tokens.remove(side, slot)
    return seen
  }
}

const removeAliases = (space: Space, row: number, { pending, previous }: Replaceable): ReadonlyMap<Digest, number> => {
  const told = new Map<Digest, number>()
  for (const token of pending === null ? previous : [pending, ...previous]) {
    told.set(token.digest, removeToken(space, row, token.digest, true))
  }
  return told
}

/** Replaces a session by what the fold made of it. `space.id` holds its id. */
export const replace = (space: Space, row: number, before: LiveSession, after: LiveSession): void => {
  const home = space.home(row)
  const address = home.words[home.base + blobWord]!
  const { offset, partition, length } = space.cold(address)
  space.blobs.free(address, length)
  const { words, base } = home
  words[base + blobWord] = writeBlob(space, after, offset, partition)
  words[base + renewWord] = renewOf(after)
  if (after.lastSeenAt > seenAt(words, base)) setSeen(words, base, after.lastSeenAt)
  if (after.lastSeenAt >= seenAt(words, base)) words[base + stateWord] = words[base + stateWord]! & ~aheadBit
  else space.rows.folded.set(row, after.lastSeenAt >>> 0)
  if (before.pending === after.pending && before.previous === after.previous) return
  const told = removeAliases(space, row, before)
  if (before.current.digest !== after.current.digest) {
    const { words, base } = space.home(row)
    const kept = words.slice(base, base + slotWords)
    removeToken(space, row, before.current.digest, false)
    readDigest(after.current.digest, kept)
    space.rows.key.set(row, kept[0]!)
    space.tokens.insert(kept)
  }
  addAliases(space, row, after, told)
}

/**
 * Makes a session invalid, for the reason that `bit` stands for. `isCounted`: it was taken off the counts already.
 * Whoever watches it is told at the first of these.
 */
export const hide = (
  space: Space, words: Uint32Array, base: number, bit: number, reason: EndReason, isCounted: boolean
): void => {
  const state = words[base + stateWord]!
  const isFirst = (state & hiddenBits) === 0
  // The fold's reason stands above an early one, and that above none.
  const isBetter = isFirst || bit === endedBit || (bit !== blockedBit && (state & hiddenBits) === blockedBit)
  words[base + stateWord] = (isBetter ? withReason(state, reason) : state) | bit
  if (!isFirst) return
  const row = words[base + rowWord]!
  if (isCounted && !space.watched.has(row)) return
  const cold = space.cold(words[base + blobWord]!)
  if (!isCounted) {
    space.live--
    if (cold.tenant !== 0) space.byTenant.add(cold.tenant, -1)
  }
  if (space.watched.has(row)) space.tell(row, idText(cold.bytes, cold.idAt), reason)
}

/** Ends a session by the fold. */
export const end = (space: Space, row: number, reason: EndReason, isCounted = false): void => {
  const { words, base } = space.home(row)
  if ((words[base + stateWord]! & endedBit) !== 0) return
  const cold = space.cold(words[base + blobWord]!)
  const subject = cold.subject()
  const { tenant } = cold
  // From now on: when to reclaim it, 0 until the sweep has seen it.
  words[base + renewWord] = 0
  hide(space, words, base, endedBit, reason, isCounted)
  if (subject !== null) space.bySubject.unlink(subject, row)
  if (tenant !== 0) space.byTenant.unlink(tenant, row)
}

/** Holds a session against the wide revocations since it was last held against them. Moves no slot. */
export const settle = (space: Space, words: Uint32Array, base: number): void => {
  const { wides } = space
  const stamp = words[base + stampWord]!
  if (stamp === wides.stamp) return
  words[base + stampWord] = wides.stamp
  if ((words[base + stateWord]! & endedBit) !== 0) return
  const cold = space.cold(words[base + blobWord]!)
  const { tenant, startedAt, partition, offset } = cold
  const id = idText(cold.bytes, cold.idAt)
  let early: EndReason | undefined
  let folded: EndReason | undefined
  let isCounted = false
  for (let i = wides.from(stamp); i < wides.entries.length; i++) {
    const entry = wides.entries[i]!
    if (entry.tenant !== 0 && entry.tenant !== tenant) continue
    if (offset >= (entry.before.get(partition) ?? 0)) continue
    if (!revokes(entry.event, id, null, space.dictionary.tenants[tenant]!, startedAt)) continue
    if (entry.isEarly) early ??= entry.event.reason
    else folded ??= entry.event.reason
    if (entry.isCounted) isCounted = true
  }
  const row = words[base + rowWord]!
  if (early !== undefined) hide(space, words, base, earlyBit, early, isCounted)
  if (folded !== undefined) end(space, row, folded, isCounted)
}

/** Gives back the slot, row and blob of a session; its id stays remembered. Inserts and removes slots. */
export const reclaim = (space: Space, row: number, reason: EndReason): void => {
  const { words, base } = space.home(row)
  const deadline = deadlineAt(words, base)
  const address = words[base + blobWord]!
  const digest = digestText(words, base)
  const cold = space.cold(address)
  const { length } = cold
  const id = idText(cold.bytes, cold.idAt)
  if (cold.hasExtras()) {
    const { pending = null, previous = [] } = cold.extras()
    removeAliases(space, row, { pending, previous })
  }
  readId(id, space.id)
  space.ids.remove(space.id, row)
  space.remembered.add(space.id, reason, deadline + rememberMarginMs)
  removeToken(space, row, digest, false)
  space.blobs.free(address, length)
  space.rows.release(row)
  space.watched.delete(row)
  if (space.blocked.size > 0) space.blocked.delete(id)
}
