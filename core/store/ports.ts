import type { Revocation } from '../domain/events.ts'
import type { CommandId, Digest, SessionId } from '../domain/ids.ts'
import type { Session, Verdict } from '../domain/verdict.ts'
import type { LiveSession, SessionState } from '../domain/session.ts'
import type { EndReason } from '../domain/events.ts'
import type { StoredEvent } from '../log/port.ts'
import type { Position } from '../log/position.ts'
import type { LogMove } from './log-move.ts'

/** How a token stands to its session. */
export type TokenKind = 'current' | 'pending' | 'previous'

/** A token that the index knows, and its session. `confirmable`: see PreviousToken; true for a pending one too. */
export interface Found {
  readonly kind: TokenKind
  readonly confirmable: boolean
  /** For a previous token the end of its grace, otherwise Infinity. */
  readonly goodUntil: number
  readonly session: LiveSession
}

/** Whether the fold took an event, or found it void: repeated, late, or with an expectation that does not hold. */
export type Outcome = 'applied' | 'ignored'

/** A session by its names. */
export interface Named {
  readonly session: SessionId
  readonly subject: string | null
  readonly tenant: string | null
}

/** What the index tells its owner while it answers; each is rare, and none may throw. */
export interface IndexEvents {
  /**
   * A pending token (or a previous one that is `confirmable`, within its grace) was presented: its confirmation is to
   * be written.
   */
  onPendingPresented(session: SessionId, digest: Digest): void
  /** A previous token was presented after its grace: evidence of theft. */
  onReuse(session: SessionId, digest: Digest): void
  /** A session that is being watched ended, early or by the log. */
  onEnded(session: SessionId, reason: EndReason): void
  /**
   * After a pause of over half its idle limit a session was seen again: others must know before it is idle for them.
   */
  onReturn(session: SessionId): void
}

/**
 * The node's view of all sessions: the fold of the log, and on top of it the revocations heard early. Synchronous, no
 * I/O; time comes in as `now` (trusted wall time, ms).
 */
export interface SessionIndex {
  /** The hot path. Answers for any value; never throws. `touch`: the presentation counts as activity. */
  check(token: unknown, now: number, touch: boolean): Verdict
  /** Folds the next record. Records of a partition come in their order; one that was folded before is ignored. */
  apply(record: StoredEvent): Outcome
  /**
   * Ends the sessions that a revocation concerns before it stands in the log (I4), among those that stand before
   * `heardAt`, the place up to which its writer had applied the log: also the ones that this node has yet to see start.
   * Returns how many live ones it ended. Undone by nothing; the log's own record of the same command completes it.
   */
  applyEarly(event: Revocation, heardAt: Position): number
  /** Early revocations whose own record has not been folded yet. */
  pendingEarly(): ReadonlyMap<CommandId, Revocation>
  /** Everything folded so far. */
  position(): Position
  /**
   * Reasons why this node may not trust its index at all: unreadable wide events, damage, and a copy that is not
   * finished, which is the only one that goes again. Empty: none.
   */
  distrust(): readonly string[]
  /** What the log says of itself, as far as it was folded: it changes as records are applied. */
  move(): LogMove

  /** The state as decide needs it. A session that is over by the clock is still 'live' here. */
  state(id: SessionId): SessionState
  find(digest: Digest): Found | undefined
  /** The session that a token belongs to, ended or not, while this node remembers the token. */
  sessionOf(digest: Digest): SessionId | undefined
  /**
   * The session as an end of it has to name it, where the log, as far as it was folded, has it live: also one that is
   * refused here as ended already. 'ended': the log has ended it. Undefined: none is known.
   */
  endable(id: SessionId): Named | 'ended' | undefined
  /** The subject's live sessions in the order of the log, those past a limit at `now` left out. */
  standing(subject: string, now: number): readonly LiveSession[]
  /** The live session as the app sees it, or undefined: none, ended, or past a limit at `now`. */
  get(id: string, now: number): Session | undefined
  /** The session as this token's holder sees it, without counting as its presentation. */
  peek(token: string, now: number): Session | undefined
  listBySubject(subject: string, now: number): readonly Session[]
  listByTenant(tenant: string, now: number): readonly Session[]
  /** How many live sessions a revocation would end now. */
  count(target: { readonly subject: string } | { readonly tenant: string } | 'all'): number

  /**
   * Takes what was seen on this node since the last call: at most `most` sessions with the time they were last seen.
   */
  takeActivity(most: number): ReadonlyArray<readonly [SessionId, number]>
  /** This session was seen at that time, on another index of this process: as if it had been here. */
  see(id: SessionId, at: number): void
  /** Whether the next end of this session is to be told by `onEnded`. */
  watch(id: SessionId, on: boolean): void
  /**
   * One step of the round through all slots, at most `most` of them: settles wide revocations, reclaims what ended, and
   * hands out the live sessions that are past a limit. Resumes where the step before stopped.
   */
  sweep(now: number, most: number): {
    readonly expired: ReadonlyArray<{ readonly session: LiveSession; readonly reason: 'idle' | 'absolute' }>
    readonly wrapped: boolean
  }
  size(): IndexSize
  /** The shortest idle limit that any session has had, ms; Infinity: there was none. */
  shortestIdleMs(): number
  notes(): IndexNotes
}

/** What an operator may want to know beside `size`. */
export interface IndexNotes {
  /** What could not be read and was passed over, or made one session invalid: the first hundred reasons. */
  readonly unreadable: readonly string[]
  /** Sessions that are invalid here because an event of theirs cannot be read. */
  readonly blocked: number
  /** Early revocations that were not remembered for want of room. */
  readonly earlyRefused: number
  /** Ended ids that are remembered though their slots were given back. */
  readonly remembered: number
}

export interface IndexSize {
  readonly live: number
  readonly ended: number
  /** Bytes of the index's own buffers. */
  readonly bytes: number
}
