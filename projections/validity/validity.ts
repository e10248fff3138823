import type { Revocation } from '../../core/domain/events.ts'
import { isSessionId, type SessionId } from '../../core/domain/ids.ts'
import type { Verdict } from '../../core/domain/verdict.ts'
import { position } from '../../core/log/position.ts'
import type { StoredEvent } from '../../core/log/port.ts'
import type { Outcome, SessionIndex } from '../../core/store/ports.ts'
import { check, peek, see } from './check.ts'
import { applyEarly } from './early-apply.ts'
import { foldEvent } from './fold.ts'
import {
  countSubject, countTenantOrAll, endable, findToken, getSession, listSubject, listTenant, sessionOf, standingOf,
  stateOf, takeActivity
} from './queries.ts'
import { Space, type IndexOptions } from './space.ts'
import { compact, sweepSome, type Expired } from './upkeep.ts'
import { readId } from './words.ts'

export type { IndexOptions } from './space.ts'

/** Blobs moved with each record, where segments are mostly garbage. */
const compactPerRecord = 8

/**
 * An index that has folded nothing yet. It is the fold of the records that `apply` is given (`evolve` is its one
 * source of rules), and above it the revocations heard early and what this node has seen. `events` are called while it
 * works, and must not call `apply`, `applyEarly` or `sweep` in turn.
 */
export const makeIndex = (options: IndexOptions): SessionIndex => {
  const space = new Space(options)
  return {
    check: (token: unknown, now: number, touch: boolean): Verdict => check(space, token, now, touch),
    apply: (record: StoredEvent): Outcome => applyRecord(space, record),
    applyEarly: (event: Revocation, heardAt) => applyEarly(space, event, heardAt),
    pendingEarly: () => space.early.byCommand(),
    position: () => position([...space.counts]),
    distrust: () => space.moving.copy === 'copying' ? [...space.distrust, beingCopied(space.moving.copiedFrom)] : space.distrust,
    move: () => space.moving,
    state: (id) => stateOf(space, id),
    find: (digest) => findToken(space, digest),
    sessionOf: (digest) => sessionOf(space, digest),
    endable: (id) => endable(space, id),
    shortestIdleMs: () => space.dictionary.shortestIdleMs,
    standing: (subject, now) => standingOf(space, subject, now),
    get: (id, now) => isSessionId(id) ? getSession(space, id, now) : undefined,
    peek: (token, now) => peek(space, token, now),
    listBySubject: (subject, now) => listSubject(space, subject, now),
    listByTenant: (tenant, now) => listTenant(space, tenant, now),
    count: (target) => {
      if (target === 'all') return countTenantOrAll(space, 0)
      if ('subject' in target) return countSubject(space, target.subject)
      const tenant = space.dictionary.tenantKnown(target.tenant)
      return tenant === undefined ? 0 : countTenantOrAll(space, tenant)
    },
    takeActivity: (most) => takeActivity(space, most),
    see: (id, at) => see(space, id, at),
    watch: (id, on) => watch(space, id, on),
    sweep: (now, most) => {
      const expired: Expired[] = []
      return { wrapped: sweepSome(space, now, most, expired), expired }
    },
    size: () => ({ live: space.live, ended: space.rows.count - space.live, bytes: space.bytes() }),
    notes: () => ({
      unreadable: space.skipped,
      blocked: space.blocked.size,
      earlyRefused: space.early.refused,
      remembered: space.remembered.count
    })
  }
}

const beingCopied = (from: string | null): string =>
  `this log is being copied from ${from}: until that is finished the nodes of that log know better`

const applyRecord = (space: Space, { partition, offset, event }: StoredEvent): Outcome => {
  const { counts, moving } = space
  while (counts.length <= partition) counts.push(0)
  if (offset < counts[partition]!) return 'ignored'
  const isVoid = moving.sealedAt.size > 0 && moving.sealedAt.has(partition)
  const outcome = isVoid ? 'ignored' : foldEvent(space, event, partition, offset)
  counts[partition] = offset + 1
  compact(space, compactPerRecord)
  return outcome
}

const watch = (space: Space, id: SessionId, on: boolean): void => {
  readId(id, space.id)
  const row = space.ids.find(space.id)
  if (row === 0) return
  if (on) space.watched.add(row)
  else space.watched.delete(row)
}
