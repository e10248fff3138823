import type {
  ActivityRecorded, DomainEvent, SessionEnded, SessionEvent, SessionStarted, SubjectRevoked, WideRevocation
} from '../../core/domain/events.ts'
import { evolve, initial, isOfTime, lastSeenBy, revokes, type LiveSession } from '../../core/domain/session.ts'
import type { Outcome } from '../../core/store/ports.ts'
import type { Unreadable } from '../../core/log/codec.ts'
import { rememberMarginMs, add, end, foldedSeen, hide, load, replace, settle } from './sessions.ts'
import { aheadBit, blobWord, blockedBit, earlyBit, endedBit, limitsMax, seenAt, setSeen, stateWord } from './slot.ts'
import type { Space } from './space.ts'
import { settleSome, settleWatched } from './upkeep.ts'
import { absoluteMsMax } from '../../core/domain/limits.ts'
import { idText, readId } from './words.ts'

/** So many reasons are kept for health; further ones are counted with the last. */
const reasonsMax = 100
/**
 * So many sessions with unreadable events are kept apart; more of them, and the index as a whole is not to be trusted.
 */
const blockedMax = 10_000

export const foldEvent = (
  space: Space, event: DomainEvent | Unreadable, partition: number, offset: number
): Outcome => {
  switch (event.type) {
    case 'SessionStarted':
      return foldStart(space, event, partition, offset)
    case 'ActivityRecorded':
      return foldActivity(space, event, partition)
    case 'SubjectRevoked':
    case 'TenantRevoked':
    case 'AllRevoked': {
      const outcome = foldWide(space, event, partition, offset)
      space.early.folded(event, partition)
      return outcome
    }
    case 'SessionEnded': {
      const outcome = isOfTime(event) ? foldChange(space, event) : foldEnd(space, event)
      if (space.early.size > 0) space.early.folded(event, partition)
      return outcome
    }
    case 'Unreadable':
      foldUnreadable(space, event)
      return 'ignored'
    case 'AnomalyDetected':
    case 'NodeAnnounced':
      return 'applied'
    case 'LogCopyStarted':
    case 'LogCopyFinished':
    case 'LogSealed':
      return space.moving.fold(event, partition, offset) ? 'applied' : 'ignored'
    default:
      return foldChange(space, event)
  }
}

const foldStart = (space: Space, event: SessionStarted, partition: number, offset: number): Outcome => {
  readId(event.session, space.id)
  if (space.ids.find(space.id) !== 0 || space.remembered.reason(space.id) !== undefined) return 'ignored'
  const session = evolve(initial, event) as LiveSession
  if (space.dictionary.limitsOrdinal(session.limits) >= limitsMax) {
    distrust(space, 'more distinct limits than the index can hold')
    return 'ignored'
  }
  const row = add(space, session, offset, partition)
  if (space.early.size > 0) {
    const reason = space.early.reasonFor(
      session.id, session.subject, session.tenant, session.startedAt, partition, offset
    )
    if (reason !== undefined) hideRow(space, row, earlyBit, reason)
  }
  if (space.blocked.size > 0 && space.blocked.has(session.id)) hideRow(space, row, blockedBit, 'revoked')
  return 'applied'
}

const hideRow = (space: Space, row: number, bit: number, reason: 'revoked' | Parameters<typeof hide>[4]): void => {
  const { words, base } = space.home(row)
  hide(space, words, base, bit, reason, false)
}

const foldActivity = (space: Space, event: ActivityRecorded, partition: number): Outcome => {
  let outcome: Outcome = 'ignored'
  for (const [id, seen] of event.seen) {
    const at = lastSeenBy(event, seen)
    readId(id, space.id)
    const row = space.ids.find(space.id)
    if (row === 0) continue
    const { words, base } = space.home(row)
    // Each partition has the batch: only there does it stand in order with the session's own events.
    if (space.counts.length > 1 && space.cold(words[base + blobWord]!).partition !== partition) continue
    settle(space, words, base)
    const state = words[base + stateWord]!
    if ((state & endedBit) !== 0 || at <= foldedSeen(space, words, base)) continue
    if (at >= seenAt(words, base)) {
      setSeen(words, base, at)
      words[base + stateWord] = state & ~aheadBit
    } else {
      space.rows.folded.set(row, at >>> 0)
    }
    outcome = 'applied'
  }
  return outcome
}

/** An end that holds whatever the session is like: `evolve` need not be asked, nor the session be put together. */
const foldEnd = (space: Space, event: SessionEnded): Outcome => {
  readId(event.session, space.id)
  const row = space.ids.find(space.id)
  if (row === 0) return foldUnseen(space, event)
  const { words, base } = space.home(row)
  settle(space, words, base)
  if ((words[base + stateWord]! & endedBit) !== 0) return 'ignored'
  end(space, row, event.reason)
  return 'applied'
}

/** Everything else of one session: load, evolve, store. */
const foldChange = (space: Space, event: Exclude<SessionEvent, SessionStarted>): Outcome => {
  readId(event.session, space.id)
  const row = space.ids.find(space.id)
  if (row === 0) return foldUnseen(space, event)
  const { words, base } = space.home(row)
  settle(space, words, base)
  if ((words[base + stateWord]! & endedBit) !== 0) return 'ignored'
  const before = load(space, words, base, foldedSeen(space, words, base))
  const after = evolve(before, event)
  if (after === before || after.status === 'none') return 'ignored'
  if (after.status === 'ended') {
    end(space, row, after.reason)
    return 'applied'
  }
  replace(space, row, before, after)
  // A patch that is void is kept in mind all the same.
  return after.version === before.version ? 'ignored' : 'applied'
}

/** An event of an id that never started, or was reclaimed. */
const foldUnseen = (space: Space, event: Exclude<SessionEvent, SessionStarted>): Outcome => {
  if (space.remembered.reason(space.id) !== undefined) return 'ignored'
  const state = evolve(initial, event)
  if (state.status !== 'ended') return 'ignored'
  space.remembered.add(space.id, state.reason, event.at + absoluteMsMax + rememberMarginMs)
  return 'applied'
}

const foldWide = (space: Space, event: WideRevocation, partition: number, offset: number): Outcome => {
  if (space.commands.has(partition, event.command)) return 'ignored'
  space.commands.add(partition, event.command)
  if (event.type === 'SubjectRevoked') {
    endSubject(space, event)
    return 'applied'
  }
  const tenant = event.type === 'TenantRevoked' ? space.dictionary.tenantKnown(event.tenant) : 0
  if (tenant === undefined) return 'applied'
  // In a log of one partition everything folded so far stands before this record.
  const isCounted = event.before === null && space.counts.every((count, i) => i === partition || count === 0)
  space.wides.add({ event, tenant, before: new Map([[partition, offset]]), isEarly: false, isCounted })
  if (isCounted) takeOffCounts(space, tenant)
  settleWatched(space)
  settleSome(space)
  return 'applied'
}

/** All live sessions of the tenant (0: of everyone) are no longer counted. */
export const takeOffCounts = (space: Space, tenant: number): void => {
  if (tenant === 0) {
    space.live = 0
    space.byTenant.clearLive()
    return
  }
  const live = space.byTenant.live(tenant)
  space.live -= live
  space.byTenant.add(tenant, -live)
}

const endSubject = (space: Space, event: SubjectRevoked): void => {
  for (let row = space.bySubject.head(event.subject); row !== 0;) {
    const older = space.bySubject.older(row)
    const { words, base } = space.home(row)
    settle(space, words, base)
    if ((words[base + stateWord]! & endedBit) === 0) {
      const cold = space.cold(words[base + blobWord]!)
      const id = idText(cold.bytes, cold.idAt)
      if (revokes(event, id, event.subject, space.dictionary.tenants[cold.tenant]!, cold.startedAt)) {
        end(space, row, event.reason)
      }
    }
    row = older
  }
}

const keep = (reasons: string[], reason: string): void => {
  if (reasons.includes(reason)) return
  if (reasons.length < reasonsMax) reasons.push(reason)
}

export const distrust = (space: Space, reason: string): void => keep(space.distrust, reason)

const foldUnreadable = (space: Space, event: Unreadable): void => {
  if (event.concerns === 'everything') return distrust(space, event.detail)
  keep(space.skipped, event.detail)
  if (event.concerns === 'nothing' || space.blocked.has(event.session)) return
  if (space.blocked.size >= blockedMax) {
    return distrust(space, `more than ${blockedMax} sessions with unreadable events`)
  }
  readId(event.session, space.id)
  if (space.remembered.reason(space.id) !== undefined) return
  space.blocked.add(event.session)
  const row = space.ids.find(space.id)
  if (row === 0) return
  const { words, base } = space.home(row)
  settle(space, words, base)
  hide(space, words, base, blockedBit, 'revoked', false)
}
