import type { ActivityRecorded, DomainEvent, SessionEnded, SessionStarted } from '../../core/domain/events.ts'
import type { CommandId } from '../../core/domain/ids.ts'
import { isOfTime, revokes } from '../../core/domain/session.ts'
import type { Outcome } from '../../core/store/ports.ts'
import type { Wide } from '../validity/wides.ts'

/** One that stands in the copy, and the partitions of the original that have yet to bring it. */
interface Due {
  readonly event: Wide
  readonly missing: Set<number>
  /** Partitions that were not waited for any longer. */
  readonly late: Set<number>
  /** How many heads had been reached when it came. */
  readonly since: number
}

/** A revocation is waited for past so many heads of the log: what is on its way to a partition is there by then. */
const patience = 2
/** So many revocations are kept in mind, as the fold itself does. */
const remembered = 65_536

const nameAgain = (command: CommandId, partition: number): CommandId => `${command}-p${partition}` as CommandId
/** The revocation of which this is a further record, if it is one. */
export const firstName = (command: CommandId): CommandId | undefined =>
  /^(.+)-p\d{1,4}$/.exec(command)?.[1] as CommandId | undefined

/**
 * The order in which the records of several partitions come to stand in one copy, whatever the order is in which they
 * are read. A session's own events keep theirs. What has to be said beyond that is where a wide event stands among the
 * sessions of all partitions, for it is copied once:
 *
 * - A wide revocation is copied where the first partition brings it. Sessions of another partition that were copied
 *   already stand before it in the original too, unless that partition has brought it. Those of which the start is read
 *   later, and yet stands before it there, would live again: their start is copied as the end that it came to.
 * - A batch of activity is copied where the last partition brings it, and an end for idleness or age only if the fold
 *   of the original took it. So the copy never knows of more activity than the original did at such an end: what ended
 *   there ends here.
 *
 * So every session is in the end live in the copy if and only if it is in the original. Where a revocation stands in
 * some partitions only, its writer having died, the copy completes it: it takes away what its writer wanted to.
 */
export class Merge {
  readonly #partitions: number
  readonly #due = new Map<CommandId, Due>()
  /** Revocations that every partition has brought. */
  readonly #done = new Set<CommandId>()
  readonly #activity = new Map<CommandId, { readonly event: ActivityRecorded; readonly missing: Set<number> }>()
  #heads = 0

  /** `standing`: wide revocations that an earlier attempt has copied already. */
  constructor(partitions: number, standing: Iterable<Wide> = []) {
    this.#partitions = partitions
    for (const event of standing) this.#wait(event)
  }

  /** What is to be copied now that a partition has brought this event, of which its fold made that. */
  take(event: DomainEvent, partition: number, outcome: Outcome): readonly DomainEvent[] {
    switch (event.type) {
      case 'NodeAnnounced':
      case 'LogCopyStarted':
      case 'LogCopyFinished':
      case 'LogSealed':
        return []
      case 'ActivityRecorded':
        return this.#seen(event, partition)
      case 'TenantRevoked':
      case 'AllRevoked':
        return this.#revoked(event, partition)
      case 'SessionStarted':
        return [this.#started(event, partition)]
      case 'SessionEnded':
        return isOfTime(event) && outcome === 'ignored' ? [] : [event]
      default:
        return [event]
    }
  }

  /** Everything that stood in front of a head of the original was taken. */
  reached(): void {
    this.#heads++
    for (const due of this.#due.values()) {
      if (this.#heads - due.since < patience) continue
      for (const partition of due.missing) due.late.add(partition)
      due.missing.clear()
    }
  }

  /** What is left at the end: batches that some partition never brought. */
  rest(): readonly DomainEvent[] {
    const left = [...this.#activity.values()].map(({ event }) => event)
    this.#activity.clear()
    return left
  }

  #seen(event: ActivityRecorded, partition: number): readonly DomainEvent[] {
    const known = this.#activity.get(event.command)
    const missing = known?.missing ?? this.#all()
    missing.delete(partition)
    if (missing.size === 0) {
      this.#activity.delete(event.command)
      return [event]
    }
    if (known === undefined) this.#activity.set(event.command, { event, missing })
    return []
  }

  #revoked(event: Wide, partition: number): readonly DomainEvent[] {
    if (this.#done.has(event.command)) return []
    const known = this.#due.get(event.command)
    const due = known ?? this.#wait(event)
    due.missing.delete(partition)
    const isLate = due.late.delete(partition)
    if (due.missing.size + due.late.size === 0) {
      this.#due.delete(event.command)
      this.#done.add(event.command)
      for (const oldest of this.#done) {
        if (this.#done.size <= remembered) break
        this.#done.delete(oldest)
      }
    }
    if (known === undefined) return [event]
    // The partition's sessions were let through since: a further record ends them, under a name of its own.
    return isLate ? [{ ...event, command: nameAgain(event.command, partition) }] : []
  }

  #started(event: SessionStarted, partition: number): SessionStarted | SessionEnded {
    for (const { event: wide, missing } of this.#due.values()) {
      if (!missing.has(partition)) continue
      if (!revokes(wide, event.session, event.subject, event.tenant, event.at)) continue
      const { v, at, by, command, session, subject, tenant } = event
      return { type: 'SessionEnded', v, at, by, command, session, subject, tenant, reason: wide.reason }
    }
    return event
  }

  #wait(event: Wide): Due {
    const due = { event, missing: this.#all(), late: new Set<number>(), since: this.#heads }
    this.#due.set(event.command, due)
    return due
  }

  #all(): Set<number> {
    return new Set(Array.from({ length: this.#partitions }, (_, partition) => partition))
  }
}
