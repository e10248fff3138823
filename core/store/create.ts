import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import * as Schema from 'effect/Schema'
import type { Start, Writer } from '../domain/commands.ts'
import { decide } from '../domain/decide.ts'
import { Authentication, Device, type Attributes } from '../domain/events.ts'
import { mintSessionId, nameLengthMax, type SessionId } from '../domain/ids.ts'
import type { LiveSession, SessionState } from '../domain/session.ts'
import { initial } from '../domain/session.ts'
import { digestOf, isToken, mintToken, type Token } from '../domain/token.ts'
import type { Session } from '../domain/verdict.ts'
import {
  type AttributesInvalid, type AttributesTooLarge, Conflict, InvalidOptions, type LogUnavailable, type NotFound,
  type TooManySessions
} from '../errors.ts'
import { type CatchUp, type Parts, writer } from './parts.ts'
import { rejected, tooMany } from './rejected.ts'
import { findLive, findUsable } from './targets.ts'
import { write } from './write.ts'

/** Whose session to start, and what to keep with it. */
export interface CreateOptions {
  /** Whom the session belongs to; null: nobody yet (anonymous). */
  readonly subject: string | null
  readonly tenant?: string | null
  /** The app's own data: a JSON object, at most 4,096 characters. */
  readonly attributes?: Attributes
  readonly device?: Device
  /** How the subject proved who it is. `at` defaults to now. */
  readonly authentication?: { readonly level: string; readonly methods: readonly string[]; readonly at?: number }
  /**
   * The session that this one replaces: it ends, and its attributes are carried over. The token that the client
   * presented, or `{ id }`, which an app must not take from a client: an id is no credential.
   */
  readonly continues?: string | { readonly id: string }
}

/** What the client gets (the token, this once) and the session that it stands for. */
export interface Issued {
  readonly token: string
  readonly session: Session
}

export type CreateError =
  | InvalidOptions | AttributesInvalid | AttributesTooLarge | TooManySessions | NotFound | Conflict | LogUnavailable

const decodeDevice = Schema.decodeUnknownOption(Device)
const decodeAuthentication = Schema.decodeUnknownOption(Authentication)

const invalid = (option: string, must: string) =>
  new InvalidOptions({ option, message: `The option ${option} must ${must}.` })

const name = (option: string, value: unknown): string | null | InvalidOptions =>
  value === null || (typeof value === 'string' && value.length >= 1 && value.length <= nameLengthMax)
    ? value
    : invalid(option, `be a string of 1 to ${nameLengthMax} characters, or null`)

/** A getter of the caller's that throws. */
const unreadable = invalid('options', 'be a plain object that can be read')

interface Checked extends Pick<Start, 'subject' | 'tenant' | 'attributes' | 'device' | 'authentication'> {
  readonly continues: CreateOptions['continues']
}

const known: ReadonlySet<string> = new Set([
  'subject',
  'tenant',
  'attributes',
  'device',
  'authentication',
  'continues'
] satisfies ReadonlyArray<keyof CreateOptions>)

const check = (options: CreateOptions, now: number): Checked | InvalidOptions => {
  try {
    return checkReadable(options, now)
  } catch {
    return unreadable
  }
}

const checkReadable = (options: CreateOptions, now: number): Checked | InvalidOptions => {
  if (typeof options !== 'object' || options === null) return invalid('options', 'be an object')
  const unknown = Object.keys(options).find((key) => !known.has(key))
  if (unknown !== undefined) return invalid(unknown, `not be given: create takes ${[...known].join(', ')}`)
  const subject = name('subject', options.subject)
  if (subject instanceof InvalidOptions) return subject
  const tenant = name('tenant', options.tenant ?? null)
  if (tenant instanceof InvalidOptions) return tenant
  const device = checkDevice(options.device)
  if (device instanceof InvalidOptions) return device
  const authentication = checkAuthentication(options.authentication, subject, now)
  if (authentication instanceof InvalidOptions) return authentication
  return {
    subject, tenant, attributes: options.attributes ?? none, device, authentication, continues: options.continues
  }
}

const none: Attributes = Object.freeze({})

const checkDevice = (device: unknown): Device | null | InvalidOptions => {
  if (device === undefined) return null
  const decoded = decodeDevice(device)
  return Option.isSome(decoded)
    ? decoded.value
    : invalid('device', 'be { label?, userAgent?, networkPrefix? }, strings of at most 128, 512 and 64 characters')
}

const checkAuthentication = (
  given: CreateOptions['authentication'], subject: string | null, now: number
): Authentication | InvalidOptions => {
  if (given === undefined) return { level: subject === null ? 'none' : 'unspecified', methods: [], at: now }
  const decoded = decodeAuthentication({ at: now, ...given })
  return Option.isSome(decoded)
    ? decoded.value
    : invalid('authentication', 'be { level, methods, at? }: a string, at most 16 strings, and ms since 1970')
}

/** What the fold made of racing logins: of those past the cap, the later in the log give way, or the older (I1). */
const settleCap = (
  parts: Parts,
  session: SessionId,
  subject: string | null,
  tenant: string | null
): Effect.Effect<void, TooManySessions | LogUnavailable> => {
  const { cap } = parts.settings
  if (subject === null || parts.index.count({ subject }) <= cap.max) return Effect.void
  const standing = standingOf(parts, subject, tenant)
  const excess =
    cap.onTooMany === 'refuse'
      ? standing.slice(cap.max).filter(({ id }) => id === session)
      : standing.slice(0, Math.max(0, standing.length - cap.max)).filter(({ id }) => id !== session)
  const reason = cap.onTooMany === 'refuse' ? 'revoked' : 'evicted'
  return puttingOut(parts, excess.map(({ id }) => id), Effect.forEach(excess, (one) => end(parts, one, reason), { discard: true })).pipe(
    Effect.andThen(cap.onTooMany === 'refuse' && excess.length > 0 ? Effect.fail(tooMany(cap.max)) : Effect.void))
}

const end = (parts: Parts, session: LiveSession, reason: 'revoked' | 'evicted') => {
  const decision = decide({ type: 'End', reason, actor: null }, session, writer(parts))
  return decision.ok ? write(parts, decision.events) : Effect.void
}

const continued = (parts: Parts, catchUp: CatchUp, from: unknown): Effect.Effect<LiveSession, CreateError> => {
  if (typeof from === 'object' && from !== null && 'id' in from) return findLive(parts, catchUp, from.id)
  return isToken(from)
    ? Effect.map(findUsable(parts, catchUp, from), ({ session }) => session)
    : Effect.fail(invalid('continues', 'be the token of a session, or { id }'))
}

/** A subject of one tenant is not that of another. Who is being put out here counts no longer. */
const standingOf = (parts: Parts, subject: string, tenant: string | null): readonly LiveSession[] =>
  parts.index.standing(subject, parts.time.now())
    .filter(({ id, tenant: own }) => own === tenant && !parts.evicting.has(id))

/** While `write` puts these out, no other login of this node does: else a crowd of n would write n ends of each. */
const puttingOut = <A, E>(parts: Parts, ids: readonly SessionId[], write: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  if (ids.length === 0) return write
  for (const id of ids) parts.evicting.add(id)
  return Effect.ensuring(write, Effect.sync(() => { for (const id of ids) parts.evicting.delete(id) }))
}

/** Starts a session: durable and good on this node when it succeeds, on all others as soon as they hear of it. */
export const create = (parts: Parts, catchUp: CatchUp, options: CreateOptions): Effect.Effect<Issued, CreateError> =>
  // Logins come in crowds, so this is the one command without generators and as few steps as it takes.
  Effect.suspend((): Effect.Effect<Issued, CreateError> => {
    const as = writer(parts)
    const checked = check(options, as.at)
    if (!('attributes' in checked)) return Effect.fail(checked)
    const { continues } = checked
    return continues === undefined
      ? start(parts, as, checked, initial)
      : Effect.flatMap(continued(parts, catchUp, continues), (before) => start(parts, as, checked, before))
  })

const start = (
  parts: Parts, as: Writer, { subject, tenant, attributes, device, authentication }: Checked, before: SessionState
): Effect.Effect<Issued, CreateError> => {
  const token: Token = mintToken(parts.random)
  const session = mintSessionId(as.at, parts.random)
  const standing = subject === null ? [] : standingOf(parts, subject, tenant)
  const decision = decide({
    type: 'Start', session, digest: digestOf(token), limits: parts.settings.limits, cap: parts.settings.cap,
    standing: standing.filter(({ id }) => before.status !== 'live' || id !== before.id),
    subject, tenant, attributes, device, authentication
  }, before, as)
  if (!decision.ok) return Effect.fail(rejected(decision.rejection, session))
  const evicted = decision.events.flatMap((event) =>
    event.type === 'SessionEnded' && event.reason === 'evicted' ? [event.session] : [])
  return Effect.flatMap(puttingOut(parts, evicted, parts.writes.fold(decision.events)), () => {
    const settled = settleCap(parts, session, subject, tenant)
    return settled === Effect.void
      ? issue(parts, token, session)
      : Effect.andThen(settled, Effect.suspend(() => issue(parts, token, session)))
  })
}

/** The session id is new, so if there is such a session, the fold took its start. */
const issue = (parts: Parts, token: Token, session: SessionId): Effect.Effect<Issued, Conflict> => {
  const started = parts.index.get(session, parts.time.now())
  return started === undefined ? Effect.fail(overtaken(session)) : Effect.succeed({ token, session: started })
}

/** A revocation of the subject, of its tenant or of all came between. */
const overtaken = (session: SessionId) => new Conflict({
  session, expected: 1, actual: 0, message: 'The session was revoked while it started. Log in again.'
})
