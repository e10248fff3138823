import { attributesProblem, mergePatch } from './attributes.ts'
import type {
  ActivityRecorded,
  Attributes,
  AttributesChanged,
  Authentication,
  Device,
  DomainEvent,
  EndReason,
  Reauthenticated,
  SessionEnded,
  SessionStarted,
  TokenConfirmed,
  TokenRotated,
  WideRevocation
} from './events.ts'
import { isWideRevocation } from './events.ts'
import type { CommandId, Digest, SessionId } from './ids.ts'
import type { Limits } from './limits.ts'

/** The token that the client is known to hold. */
export interface CurrentToken {
  readonly digest: Digest
  readonly issuedAt: number
  readonly authentication: Authentication
}
/** A token that was given out and not yet presented. Becomes current when it is. */
export interface PendingToken extends CurrentToken {
  readonly graceMs: number
}
/**
 * A token that another one replaced. Good until `goodUntil`; presented later it is evidence of theft. `confirmable`: it
 * was replaced while it was still pending, so it may be the one that the client holds (the answers of two parallel
 * rotations arrive in any order); presented in time, and before any later one, it becomes current as a pending one does.
 */
export interface PreviousToken extends CurrentToken {
  readonly goodUntil: number
  readonly graceMs: number
  readonly confirmable: boolean
}

export interface LiveSession {
  readonly status: 'live'
  readonly id: SessionId
  readonly subject: string | null
  readonly tenant: string | null
  /** Counts the changes of tokens and attributes, from 1. What `expects` is compared with. */
  readonly version: number
  readonly startedAt: number
  readonly lastSeenAt: number
  readonly limits: Limits
  readonly current: CurrentToken
  readonly pending: PendingToken | null
  /** Newest first, at most `previousTokensMax`. */
  readonly previous: readonly PreviousToken[]
  readonly device: Device | null
  readonly attributes: Attributes
  /** The latest patches that expected no version, newest first, at most `patchesMax`: a repeated one is void. */
  readonly patches: readonly CommandId[]
  readonly continues: SessionId | null
}
export interface EndedSession {
  readonly status: 'ended'
  readonly id: SessionId
  readonly reason: EndReason
}
export type SessionState = { readonly status: 'none' } | LiveSession | EndedSession

export const initial: SessionState = { status: 'none' }

/** So many replaced tokens a session are remembered as such; older ones are unknown. Bounds the memory of a session. */
export const previousTokensMax = 16

/**
 * So many patches a session are known again when their record stands twice. An append is tried again for some seconds
 * at most; whoever patches one session more often than that within them uses `ifVersion`.
 */
export const patchesMax = 8

/** When the session ends whatever its activity. */
export const absoluteDeadline = (session: LiveSession): number => session.startedAt + session.limits.absolute
/** When the session ends if nothing more is heard of it. */
export const idleDeadline = (session: LiveSession): number => session.lastSeenAt + session.limits.idle

const deadlines = { idle: idleDeadline, absolute: absoluteDeadline } as const

/**
 * Whether an end holds only once the session's time is over: a node with a fast clock, or one that had not heard of the
 * latest activity, ends nobody early (I6). Every other end of a live session holds.
 */
export const isOfTime = (event: SessionEnded): event is SessionEnded & { readonly reason: 'idle' | 'absolute' } =>
  event.reason === 'idle' || event.reason === 'absolute'

/** Whether a revocation concerns a session that stands before it in the log. */
export const revokes = (
  event: WideRevocation, id: SessionId, subject: string | null, tenant: string | null, startedAt: number
): boolean => {
  if (event.before !== null && startedAt >= event.before) return false
  switch (event.type) {
    case 'SubjectRevoked':
      return subject === event.subject && !event.except.includes(id)
    case 'TenantRevoked':
      return tenant === event.tenant
    case 'AllRevoked':
      return true
  }
}

const start = (event: SessionStarted): LiveSession => ({
  status: 'live',
  id: event.session,
  subject: event.subject,
  tenant: event.tenant,
  version: 1,
  startedAt: event.at,
  lastSeenAt: event.at,
  limits: event.limits,
  current: { digest: event.digest, issuedAt: event.at, authentication: event.authentication },
  pending: null,
  previous: [],
  device: event.device,
  attributes: event.attributes,
  patches: [],
  continues: event.continues
})

const remember = (previous: readonly PreviousToken[], token: PreviousToken): readonly PreviousToken[] =>
  [token, ...previous].slice(0, previousTokensMax)

const replacePending = (
  session: LiveSession, event: TokenRotated | Reauthenticated, authentication: Authentication
): LiveSession => ({
  ...session,
  version: session.version + 1,
  pending: { digest: event.digest, issuedAt: event.at, authentication, graceMs: event.graceMs },
  previous: session.pending === null ? session.previous : remember(session.previous, {
    ...session.pending, goodUntil: event.at + session.pending.graceMs, confirmable: true
  })
})

/** The token that becomes current when it is presented at `at`, if it is one of this session's. */
export const confirmable = (session: LiveSession, digest: Digest, at: number): PendingToken | undefined => {
  if (session.pending?.digest === digest) return session.pending
  return session.previous.find((token) => token.digest === digest && token.confirmable && at < token.goodUntil)
}

/**
 * Without the token that was presented; and those that were given out before it take nobody's place any more. A request
 * that was sent with one of them, and comes late, must not take the session from the token that the client uses by now.
 */
const withoutConfirmed = (previous: readonly PreviousToken[], { digest }: PendingToken): readonly PreviousToken[] => {
  // Newest first. A pending token is newer than all.
  const place = previous.findIndex((token) => token.digest === digest)
  return previous.flatMap((token, i) => i === place ? [] : [i > place ? { ...token, confirmable: false } : token])
}

const confirm = (session: LiveSession, event: TokenConfirmed): LiveSession => {
  const token = confirmable(session, event.digest, event.at)
  if (token === undefined) return session
  return {
    ...session,
    version: session.version + 1,
    current: { digest: token.digest, issuedAt: token.issuedAt, authentication: token.authentication },
    pending: token === session.pending ? null : session.pending,
    previous: remember(withoutConfirmed(session.previous, token), {
      ...session.current, graceMs: token.graceMs, goodUntil: event.at + token.graceMs, confirmable: false
    })
  }
}

/**
 * A patch that would burst the limit together with another one is void, as if its writer had known of that one; and it
 * stays void when its record stands again and there is room by then.
 */
const change = (session: LiveSession, event: AttributesChanged): LiveSession => {
  if (event.expects !== undefined && event.expects !== session.version) return session
  if (session.patches.includes(event.command)) return session
  const attributes = mergePatch(session.attributes, event.patch)
  const known = event.expects === undefined
    ? { ...session, patches: [event.command, ...session.patches].slice(0, patchesMax) }
    : session
  return attributesProblem(attributes) === undefined ? { ...known, version: session.version + 1, attributes } : known
}

/** When a session was last seen, by a batch: not after the batch was written, wherever its writer's clock had been. */
export const lastSeenBy = (event: ActivityRecorded, seenAt: number): number => Math.min(seenAt, event.at)

/**
 * The fold, as it concerns one session. Total: what does not apply leaves the state as it is, so an event that arrives
 * twice, late, or with an expectation that no longer holds is without effect, on every node alike (I1). An ended
 * session stays ended (I2).
 */
export const evolve = (state: SessionState, event: DomainEvent): SessionState => {
  if (state.status === 'ended') return state
  if (state.status === 'none') {
    if (event.type === 'SessionStarted') return start(event)
    // Ordered by its subject, an end never overtakes its start. If it does, the session is as good as ended.
    return event.type === 'SessionEnded' ? { status: 'ended', id: event.session, reason: event.reason } : state
  }
  if (isWideRevocation(event)) {
    return revokes(event, state.id, state.subject, state.tenant, state.startedAt)
      ? { status: 'ended', id: state.id, reason: event.reason }
      : state
  }
  switch (event.type) {
    case 'ActivityRecorded': {
      let lastSeenAt = state.lastSeenAt
      for (const [id, seenAt] of event.seen) {
        if (id === state.id) lastSeenAt = Math.max(lastSeenAt, lastSeenBy(event, seenAt))
      }
      return lastSeenAt === state.lastSeenAt ? state : { ...state, lastSeenAt }
    }
    case 'AnomalyDetected':
    case 'NodeAnnounced':
    case 'LogCopyStarted':
    case 'LogCopyFinished':
    case 'LogSealed':
      return state
    default:
      if (event.session !== state.id) return state
  }
  switch (event.type) {
    case 'SessionStarted':
      return state
    case 'TokenRotated':
      return event.expects === state.version ? replacePending(state, event, state.current.authentication) : state
    case 'Reauthenticated':
      return event.expects === state.version ? replacePending(state, event, event.authentication) : state
    case 'TokenConfirmed':
      return confirm(state, event)
    case 'AttributesChanged':
      return change(state, event)
    case 'SessionEnded':
      if (isOfTime(event) && event.at < deadlines[event.reason](state)) return state
      return { status: 'ended', id: state.id, reason: event.reason }
  }
}
