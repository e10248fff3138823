import type { Attributes, Authentication, Device } from './events.ts'
import type { SessionId } from './ids.ts'

/** A live session as the app sees it. A value of one moment: it does not change when the session does. */
export interface Session {
  readonly id: SessionId
  /** null: anonymous. */
  readonly subject: string | null
  readonly tenant: string | null
  /** For `update(..., { ifVersion })`. */
  readonly version: number
  /** Wall clock, ms since 1970, like all times here. */
  readonly startedAt: number
  readonly lastSeenAt: number
  /** When it ends if nothing more is heard of it: the nearer of its idle and its absolute deadline. */
  readonly expiresAt: number
  /** What the token that was presented has been given: after a step-up the old token keeps the old level. */
  readonly authentication: Authentication
  readonly device: Device | null
  readonly attributes: Attributes
}

/**
 * Why a token is refused.
 * malformed: not a string of a token's length. unknown: no session has it, as far as this node knows. ended: its
 * session was ended.
 * idle, absolute: its session is past that limit. superseded: another token replaced it and its grace is over.
 * stale: this node cannot vouch for its knowledge (I5), so it does not answer.
 */
export type Refusal = 'malformed' | 'unknown' | 'ended' | 'idle' | 'absolute' | 'superseded' | 'stale'

/** What `validate` says of a token: the session that it stands for, or why it is refused. */
export type Verdict =
  /** renew: the token is past `limits.renew`; rotate it. */
  | { readonly ok: true; readonly session: Session; readonly renew?: true }
  | { readonly ok: false; readonly reason: Refusal }
