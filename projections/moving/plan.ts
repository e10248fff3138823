import type { DomainEvent } from '../../core/domain/events.ts'
import type { CommandId } from '../../core/domain/ids.ts'
import type { Position } from '../../core/log/position.ts'
import type { StoredEvent } from '../../core/log/port.ts'
import type { LogMove } from '../../core/store/log-move.ts'
import type { SessionIndex } from '../../core/store/ports.ts'
import { makeIndex } from '../validity/validity.ts'
import type { Wide } from '../validity/wides.ts'
import { firstName, Merge } from './merge.ts'

/** One command may end several sessions, each by its own event. */
const keyOf = (event: DomainEvent): string =>
  `${event.command} ${event.type}${'session' in event && event.session !== null ? ` ${event.session}` : ''}`

/** What an earlier attempt has copied to a log of so many partitions. */
export class Standing {
  readonly #partitions: number
  /** How often each stands there. */
  readonly #counts = new Map<string, number>()
  /** In which partitions that stands which is to stand in each: to be repeated is nothing to it. */
  readonly #wides = new Map<CommandId, { readonly event: Wide; readonly places: Set<number> }>()
  readonly #activity = new Map<CommandId, Set<number>>()

  constructor(partitions: number) {
    this.#partitions = partitions
  }

  /** A record of the copy, as it stands there. */
  add({ event, partition }: StoredEvent): void {
    switch (event.type) {
      case 'Unreadable':
        return
      case 'TenantRevoked':
      case 'AllRevoked': {
        const known = this.#wides.get(event.command)
        if (known === undefined) this.#wides.set(event.command, { event, places: new Set([partition]) })
        else known.places.add(partition)
        return
      }
      case 'ActivityRecorded': {
        const places = this.#activity.get(event.command) ?? new Set()
        this.#activity.set(event.command, places.add(partition))
        return
      }
      default: {
        const key = keyOf(event)
        this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
      }
    }
  }

  /** Whether it stands there, this once more. */
  take(event: DomainEvent): boolean {
    switch (event.type) {
      case 'TenantRevoked':
      case 'AllRevoked':
        return this.#wides.has(event.command)
      case 'ActivityRecorded':
        return this.#activity.get(event.command)?.size === this.#partitions
      default: {
        const key = keyOf(event)
        const count = this.#counts.get(key)
        if (count === undefined) return false
        if (count === 1) this.#counts.delete(key)
        else this.#counts.set(key, count - 1)
        return true
      }
    }
  }

  /** Those of the original: not the further records that the copy itself gave a name. */
  wides(): readonly Wide[] {
    return [...this.#wides.values()].flatMap(({ event }) => {
      const first = firstName(event.command)
      return first !== undefined && this.#wides.has(first) ? [] : [event]
    })
  }

  /** Revocations that the attempt before left in some partitions only. They are to be appended before all else. */
  incomplete(): readonly Wide[] {
    return [...this.#wides.values()].flatMap(({ event, places }) => places.size < this.#partitions ? [event] : [])
  }
}

const silent = (): void => undefined
/** Slots of the fold that are looked at with each batch, for what ended and can be forgotten. */
const sweepStep = 4_096

/**
 * What is to be appended to the copy, record by record of the original, be it read for the first time or again. Folds
 * the original as a node does, for it says which ends for idleness hold.
 */
export class CopyPlan {
  readonly #index: SessionIndex = makeIndex({
    events: { onPendingPresented: silent, onReuse: silent, onEnded: silent, onReturn: silent }
  })
  readonly #merge: Merge
  readonly #standing: Standing

  constructor(partitions: number, standing: Standing) {
    this.#merge = new Merge(partitions, standing.wides())
    this.#standing = standing
  }

  /** Up to where the original was taken. */
  position(): Position {
    return this.#index.position()
  }

  move(): LogMove {
    return this.#index.move()
  }

  /** Why the original cannot be copied: it holds what this version cannot read. */
  problem(): string | undefined {
    return this.#index.notes().blocked > 0 ? this.#index.notes().unreadable[0] : this.#index.distrust()[0]
  }

  take(record: StoredEvent): readonly DomainEvent[] {
    const { event, partition } = record
    const isVoid = this.#index.move().sealedAt.has(partition)
    const outcome = this.#index.apply(record)
    if (isVoid || event.type === 'Unreadable') return []
    return this.#merge.take(event, partition, outcome).filter((copied) => !this.#stands(copied, event))
  }

  /** Everything that stood in front of a head of the original was taken; `now`: wall clock, ms. */
  reached(): void {
    this.#merge.reached()
  }

  /** Forgets what ended long ago. `now`: wall clock, ms. */
  sweep(now: number): void {
    this.#index.sweep(now, sweepStep)
  }

  /** What is left once all partitions were taken up to their seals. */
  rest(): readonly DomainEvent[] {
    return this.#merge.rest().filter((event) => !this.#standing.take(event))
  }

  /** A start that is copied as an end may stand there as a start, in front of what ends it. */
  #stands(copied: DomainEvent, original: DomainEvent): boolean {
    return this.#standing.take(copied) || (copied.type !== original.type && this.#standing.take(original))
  }
}
