import type { Revocation, SessionEnded, SubjectRevoked } from '../../core/domain/events.ts'
import { revokes } from '../../core/domain/session.ts'
import { includes, position, reaches, type Position } from '../../core/log/position.ts'
import { takeOffCounts } from './fold.ts'
import { countTenantOrAll } from './queries.ts'
import { hide, settle } from './sessions.ts'
import { blobWord, earlyBit, hiddenBits, stateWord, endedBit } from './slot.ts'
import type { Space } from './space.ts'
import { settleSome, settleWatched } from './upkeep.ts'
import type { Wide } from './wides.ts'
import { idText, readId } from './words.ts'

/**
 * Ends what a revocation concerns before it stands in the log, as a bit above the fold: the session's fold goes on
 * below, and when the log brings the record it says the same. So with all early ones in the log, the state is that of
 * the log alone.
 *
 * An end for idleness or age is left to each node's own clock and to the log: the fold may yet find it void (activity
 * that stands before it), and nothing is to be taken away that the log would give back.
 */
export const applyEarly = (space: Space, event: Revocation, heardAt: Position): number => {
  switch (event.type) {
    case 'SessionEnded':
      return event.reason === 'idle' || event.reason === 'absolute' ? 0 : endEarly(space, event, heardAt)
    case 'SubjectRevoked':
      return endSubjectEarly(space, event, heardAt)
    default:
      return endWideEarly(space, event, heardAt)
  }
}

const endEarly = (space: Space, event: SessionEnded, heardAt: Position): number => {
  readId(event.session, space.id)
  if (space.remembered.reason(space.id) !== undefined) return 0
  const row = space.ids.find(space.id)
  if (row === 0) {
    space.early.add(event, heardAt, [])
    return 0
  }
  const { words, base } = space.home(row)
  settle(space, words, base)
  const state = words[base + stateWord]!
  if ((state & endedBit) !== 0) return 0
  space.early.add(event, heardAt, [])
  hide(space, words, base, earlyBit, event.reason, false)
  return (state & hiddenBits) === 0 ? 1 : 0
}

const endSubjectEarly = (space: Space, event: SubjectRevoked, heardAt: Position): number => {
  if (space.commands.hasAnywhere(event.command)) return 0
  space.early.add(event, heardAt, [])
  let ended = 0
  for (let row = space.bySubject.head(event.subject); row !== 0;) {
    const older = space.bySubject.older(row)
    const { words, base } = space.home(row)
    settle(space, words, base)
    const state = words[base + stateWord]!
    if ((state & endedBit) === 0) {
      const cold = space.cold(words[base + blobWord]!)
      const id = idText(cold.bytes, cold.idAt)
      const tenant = space.dictionary.tenants[cold.tenant]!
      if (includes(heardAt, cold.partition, cold.offset) && revokes(event, id, event.subject, tenant, cold.startedAt)) {
        hide(space, words, base, earlyBit, event.reason, false)
        if ((state & hiddenBits) === 0) ended++
      }
    }
    row = older
  }
  return ended
}

const endWideEarly = (space: Space, event: Wide, heardAt: Position): number => {
  const missing: number[] = []
  const before = new Map<number, number>()
  heardAt.forEach((count, partition) => {
    if (count === 0 || space.commands.has(partition, event.command)) return
    missing.push(partition)
    before.set(partition, count)
  })
  if (missing.length === 0 && space.commands.hasAnywhere(event.command)) return 0
  space.early.add(event, heardAt, missing)
  const tenant = event.type === 'TenantRevoked' ? space.dictionary.tenantKnown(event.tenant) : 0
  if (tenant === undefined || missing.length === 0) return 0
  const standing = countTenantOrAll(space, tenant)
  const here = position(space.counts)
  const isCounted = event.before === null && missing.length === heardAt.filter((count) => count > 0).length
    && reaches(heardAt, here)
  space.wides.add({ event, tenant, before, isEarly: true, isCounted })
  if (isCounted) takeOffCounts(space, tenant)
  settleWatched(space)
  settleSome(space)
  return standing - countTenantOrAll(space, tenant)
}
