import type { EndReason, Revocation, SubjectRevoked } from '../../core/domain/events.ts'
import type { CommandId, SessionId } from '../../core/domain/ids.ts'
import { revokes } from '../../core/domain/session.ts'
import { includes, latest, type Position } from '../../core/log/position.ts'
import type { Wide } from './wides.ts'

/** So many early revocations are kept at a time. Past it they end what stands, and are not remembered. */
export const earlyMax = 65_536

interface Pending<E extends Revocation> {
  readonly event: E
  heardAt: Position
  /** Partitions whose record is still to be folded. Empty: any one will do. */
  readonly missing: Set<number>
}

/** One command may end several sessions, each by its own event. */
const keyOf = (event: Revocation): string =>
  event.type === 'SessionEnded' ? `${event.command} ${event.session}` : event.command

/**
 * Early revocations whose own record has not been folded: what they end of sessions that this node has yet to see
 * start. A session that is folded after the record itself stands behind it in the log, so the entry must be gone by
 * then.
 */
export class Early {
  readonly #pending = new Map<string, Pending<Revocation>>()
  readonly #ends = new Map<SessionId, EndReason>()
  readonly #bySubject = new Map<string, Pending<SubjectRevoked>[]>()
  readonly #wide = new Set<Pending<Wide>>()
  readonly #most: number
  /** How many were not remembered for want of room. */
  refused = 0

  constructor(most: number = earlyMax) {
    this.#most = most
  }

  get size(): number {
    return this.#pending.size
  }

  /** `missing`: the partitions from which its record is expected, if that is known. */
  add(event: Revocation, heardAt: Position, missing: readonly number[]): void {
    const key = keyOf(event)
    const known = this.#pending.get(key)
    if (known !== undefined) {
      known.heardAt = latest(known.heardAt, heardAt)
      for (const partition of missing) known.missing.add(partition)
      return
    }
    if (this.#pending.size >= this.#most) {
      this.refused++
      return
    }
    const entry = { event, heardAt, missing: new Set(missing) }
    this.#pending.set(key, entry)
    switch (event.type) {
      case 'SessionEnded':
        if (!this.#ends.has(event.session)) this.#ends.set(event.session, event.reason)
        return
      case 'SubjectRevoked': {
        const others = this.#bySubject.get(event.subject)
        if (others === undefined) this.#bySubject.set(event.subject, [entry as Pending<SubjectRevoked>])
        else others.push(entry as Pending<SubjectRevoked>)
        return
      }
      default:
        this.#wide.add(entry as Pending<Wide>)
    }
  }

  /** The log has brought a record of the same command. */
  folded(event: Revocation, partition: number): void {
    const key = keyOf(event)
    const entry = this.#pending.get(key)
    if (entry === undefined || entry.event.type !== event.type) return
    entry.missing.delete(partition)
    if (entry.missing.size > 0) return
    this.#pending.delete(key)
    switch (event.type) {
      case 'SessionEnded':
        this.#ends.delete(event.session)
        return
      case 'SubjectRevoked': {
        const left = this.#bySubject.get(event.subject)!.filter((other) => other !== entry)
        if (left.length === 0) this.#bySubject.delete(event.subject)
        else this.#bySubject.set(event.subject, left)
        return
      }
      default:
        this.#wide.delete(entry as Pending<Wide>)
    }
  }

  /** Why a session that is just folded is ended already, or undefined. */
  reasonFor(
    id: SessionId, subject: string | null, tenant: string | null, startedAt: number, partition: number, offset: number
  ): EndReason | undefined {
    const ended = this.#ends.get(id)
    if (ended !== undefined) return ended
    if (subject !== null) {
      for (const { event, heardAt } of this.#bySubject.get(subject) ?? []) {
        if (includes(heardAt, partition, offset) && revokes(event, id, subject, tenant, startedAt)) return event.reason
      }
    }
    for (const { event, heardAt, missing } of this.#wide) {
      if (!missing.has(partition) || !includes(heardAt, partition, offset)) continue
      if (revokes(event, id, subject, tenant, startedAt)) return event.reason
    }
    return undefined
  }

  byCommand(): ReadonlyMap<CommandId, Revocation> {
    const map = new Map<CommandId, Revocation>()
    for (const { event } of this.#pending.values()) if (!map.has(event.command)) map.set(event.command, event)
    return map
  }
}
