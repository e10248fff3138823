import * as Effect from 'effect/Effect'
import type { DomainEvent } from '../domain/events.ts'
import type { CommandId } from '../domain/ids.ts'
import { reaches, type Position } from '../log/position.ts'
import type { Outcome } from './ports.ts'

interface Waiter {
  readonly place: Position
  readonly resume: () => void
}

/** What the fold made of a write: whether any record of its last event was applied. */
export interface Expectation {
  readonly applied: () => boolean
  readonly release: () => void
}

/**
 * Where a write waits for its own node to fold it (read your own writes), and learns what the fold made of it: an
 * append that was retried stands twice, and applied if either record was.
 */
export class Barrier {
  #place: Position
  readonly #waiters = new Set<Waiter>()
  readonly #expected = new Map<CommandId, { readonly event: DomainEvent; applied: boolean }>()

  constructor(from: Position) {
    this.#place = from
  }

  position(): Position {
    return this.#place
  }

  /** The tail has folded one record. */
  folded(event: DomainEvent, outcome: Outcome): void {
    if (this.#expected.size === 0) return
    const expected = this.#expected.get(event.command)
    if (expected === undefined || expected.event.type !== event.type) return
    if (outcome === 'applied') expected.applied = true
  }

  /** The tail has folded everything before `place`. */
  advance(place: Position): void {
    this.#place = place
    for (const waiter of this.#waiters) {
      if (!reaches(place, waiter.place)) continue
      this.#waiters.delete(waiter)
      waiter.resume()
    }
  }

  /** Call before the append; `last` is the event whose fate is the write's. */
  expect(last: DomainEvent): Expectation {
    const entry = { event: last, applied: false }
    this.#expected.set(last.command, entry)
    return { applied: () => entry.applied, release: () => this.#expected.delete(last.command) }
  }

  /** Resumes once everything before `place` is folded. */
  reached(place: Position): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const callOff = this.whenReached(place, () => resume(Effect.void))
      return Effect.sync(callOff)
    })
  }

  /** Calls `resume` once everything before `place` is folded: at once, if it is. Returns how to call it off. */
  whenReached(place: Position, resume: () => void): () => void {
    const waiter: Waiter = { place, resume }
    if (reaches(this.#place, place)) resume()
    else this.#waiters.add(waiter)
    return () => { this.#waiters.delete(waiter) }
  }
}
