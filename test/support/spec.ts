import { expect } from 'vitest'
import type { Command, Writer } from '../../core/domain/commands.ts'
import { decide, type Rejection } from '../../core/domain/decide.ts'
import type { DomainEvent } from '../../core/domain/events.ts'
import { evolve, initial, type LiveSession, type SessionState } from '../../core/domain/session.ts'

/** What a command led to, to be compared with what it should lead to. */
export interface Outcome {
  /** These events are to be written, in this order. */
  readonly then: (...events: readonly DomainEvent[]) => void
  /** It holds already. */
  readonly thenNothing: () => void
  readonly thenRejected: (code: Rejection['code'], more?: Readonly<Record<string, unknown>>) => void
}

/** The state that some events lead to. */
export interface Given {
  readonly state: SessionState
  /** The same with further events behind. */
  readonly and: (...events: readonly DomainEvent[]) => Given
  readonly when: (command: Command, writer: Writer) => Outcome
  /** The session is live, and this is part of its state. */
  readonly isLive: (part?: Partial<LiveSession>) => LiveSession
  readonly hasEnded: (reason: string) => void
  /** These events change nothing: the very same state comes back. */
  readonly ignores: (...events: readonly DomainEvent[]) => void
}

const outcome = (command: Command, state: SessionState, writer: Writer): Outcome => {
  const decision = decide(command, state, writer)
  return {
    then: (...events) => expect(decision).toEqual({ ok: true, events }),
    thenNothing: () => expect(decision).toEqual({ ok: true, events: [] }),
    thenRejected: (code, more = {}) => expect(decision).toMatchObject({ ok: false, rejection: { code, ...more } })
  }
}

const from = (before: SessionState, events: readonly DomainEvent[]): Given => {
  const state = events.reduce(evolve, before)
  return {
    state,
    and: (...more) => from(state, more),
    when: (command, writer) => outcome(command, state, writer),
    isLive: (part = {}) => {
      expect(state).toMatchObject({ status: 'live', ...part })
      return state as LiveSession
    },
    hasEnded: (reason) => expect(state).toMatchObject({ status: 'ended', reason }),
    ignores: (...more) => expect(more.reduce(evolve, state)).toBe(state)
  }
}

/**
 * A sentence about the rules of one session: `given(started()).when(rotate, writer).then(rotated)`, or
 * `given(started(), ended).hasEnded('logout')`.
 */
export const given = (...events: readonly DomainEvent[]): Given => from(initial, events)
