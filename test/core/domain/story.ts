import type { Command, Start, Writer } from '../../../core/domain/commands.ts'
import { decide, type Decision } from '../../../core/domain/decide.ts'
import type {
  ActivityRecorded, AllRevoked, AttributesChanged, Authentication, DomainEvent, Reauthenticated, SessionEnded,
  SessionStarted, SubjectRevoked, TenantRevoked, TokenConfirmed, TokenRotated
} from '../../../core/domain/events.ts'
import type { CommandId, Digest, SessionId } from '../../../core/domain/ids.ts'
import { evolve, initial, type LiveSession, type SessionState } from '../../../core/domain/session.ts'

/** The rules under test, so that broken ones can take their place. */
export interface Domain {
  readonly evolve: (state: SessionState, event: DomainEvent) => SessionState
  readonly decide: (command: Command, state: SessionState, writer: Writer) => Decision
}
export const domain: Domain = { evolve, decide }

export const fold = (events: readonly DomainEvent[], { evolve: step }: Domain = domain): SessionState =>
  events.reduce(step, initial)

export const live = (state: SessionState): LiveSession => {
  if (state.status !== 'live') throw new Error(`the session is not live but ${state.status}`)
  return state
}

const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute
/** When the stories begin. */
export const t0 = 1_750_000_000_000
export const limits = { idle: 30 * minute, absolute: 12 * hour, renew: hour }
export const grace = 30 * second

export const sessionId = (n: number): SessionId =>
  `01976b00-0000-7000-8000-${n.toString(16).padStart(12, '0')}` as SessionId
export const digest = (name: string): Digest =>
  `${name.replaceAll(/[^A-Za-z0-9]/g, '-').padEnd(42, '_').slice(0, 42)}A` as Digest
export const command = (name: string | number): CommandId => `c-${name}` as CommandId

export const aal1: Authentication = { level: 'aal1', methods: ['password'], at: t0 }
export const aal2At = (at: number): Authentication => ({ level: 'aal2', methods: ['password', 'otp'], at })

export const writer = (at: number, by = 'a', name: string | number = `${by}-${at}`): Writer =>
  ({ at, by, command: command(name) })
const envelope = (at: number, name: string | number) => ({ v: 1, ...writer(at, 'a', name) } as const)
const ada = { session: sessionId(1), subject: 'ada', tenant: 'shop' } as const

/** What happened to one session of ada's, in the tenant 'shop'. Each takes what matters; the rest is usual. */
export const started = (over: Partial<SessionStarted> = {}): SessionStarted => ({
  type: 'SessionStarted', ...envelope(t0, 'start'), ...ada, digest: digest('first'), limits, authentication: aal1,
  device: null, attributes: {}, continues: null, ...over
})
export const rotated = (
  token: string, expects: number, at: number, over: Partial<TokenRotated> = {}
): TokenRotated => ({
  type: 'TokenRotated', ...envelope(at, `rotate-${token}`), ...ada, expects, digest: digest(token), graceMs: grace,
  ...over
})
export const steppedUp = (
  token: string, expects: number, at: number, over: Partial<Reauthenticated> = {}
): Reauthenticated => ({
  type: 'Reauthenticated', ...envelope(at, `step-up-${token}`), ...ada, expects, digest: digest(token), graceMs: grace,
  authentication: aal2At(at), ...over
})
export const confirmed = (token: string, at: number): TokenConfirmed => ({
  type: 'TokenConfirmed', ...envelope(at, `confirm-${token}`), ...ada, digest: digest(token)
})
export const changed = (
  patch: AttributesChanged['patch'], at: number = t0, over: Partial<AttributesChanged> = {}
): AttributesChanged => ({ type: 'AttributesChanged', ...envelope(at, `change-${at}`), ...ada, patch, ...over })
export const ended = (reason: SessionEnded['reason'], at: number, over: Partial<SessionEnded> = {}): SessionEnded => ({
  type: 'SessionEnded', ...envelope(at, `end-${reason}`), ...ada, reason, ...over
})
export const active = (...seen: ReadonlyArray<readonly [SessionId, number]>): ActivityRecorded => ({
  type: 'ActivityRecorded', ...envelope(Math.max(t0, ...seen.map(([, at]) => at)), 'active'), seen
})
export const subjectRevoked = (at: number, over: Partial<SubjectRevoked> = {}): SubjectRevoked => ({
  type: 'SubjectRevoked', ...envelope(at, 'subject'), subject: 'ada', except: [], before: null, reason: 'revoked',
  ...over
})
export const tenantRevoked = (at: number, over: Partial<TenantRevoked> = {}): TenantRevoked => ({
  type: 'TenantRevoked', ...envelope(at, 'tenant'), tenant: 'shop', before: null, reason: 'revoked', ...over
})
export const allRevoked = (at: number, over: Partial<AllRevoked> = {}): AllRevoked => ({
  type: 'AllRevoked', ...envelope(at, 'all'), before: null, reason: 'revoked', ...over
})

export const start = (over: Partial<Start> = {}): Start => ({
  type: 'Start', ...ada, digest: digest('first'), limits, authentication: aal1, device: null, attributes: {},
  standing: [], cap: { max: 10, onTooMany: 'end-oldest' }, ...over
})

/** What a node says to a token of this session at a moment. */
export type Standing = 'current' | 'pending' | 'overtaken' | 'in grace' | 'superseded' | 'unknown'

export const standingOf = (state: SessionState, token: Digest, now: number): Standing => {
  if (state.status !== 'live') return 'unknown'
  if (state.current.digest === token) return 'current'
  if (state.pending?.digest === token) return 'pending'
  const previous = state.previous.find((one) => one.digest === token)
  if (previous === undefined) return 'unknown'
  if (now >= previous.goodUntil) return 'superseded'
  return previous.confirmable ? 'overtaken' : 'in grace'
}

export const isGood = (standing: Standing): boolean => standing !== 'unknown' && standing !== 'superseded'
