import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import * as Schema from 'effect/Schema'
import { attributesProblem } from '../domain/attributes.ts'
import type { Start } from '../domain/commands.ts'
import { decide } from '../domain/decide.ts'
import { Authentication, Device, type Attributes } from '../domain/events.ts'
import { mintSessionId, nameLengthMax, type SessionId } from '../domain/ids.ts'
import type { LiveSession, SessionState } from '../domain/session.ts'
import { initial } from '../domain/session.ts'
import { digestOf, isToken, mintToken, type Token } from '../domain/token.ts'
import type { Session } from '../domain/verdict.ts'
import {
  AttributesInvalid, AttributesTooLarge, Conflict, InvalidOptions, type LogUnavailable, type NotFound, TooManySessions
} from '../errors.ts'
import { type CatchUp, type Parts, writer } from './parts.ts'
import { rejected } from './rejected.ts'
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

type Checked = Pick<Start, 'subject' | 'tenant' | 'attributes' | 'device' | 'authentication'>

const known: ReadonlySet<string> = new Set([
  'subject',
  'tenant',
  'attributes',
  'device',
  'authentication',
  'continues'
] satisfies ReadonlyArray<keyof CreateOptions>)

const check = (
  options: CreateOptions,
  now: number
): Checked | InvalidOptions | AttributesInvalid | AttributesTooLarge => {
  if (typeof options !== 'object' || options === null) return invalid('options', 'be an object')
  const unknown = Object.keys(options).find((key) => !known.has(key))
  if (unknown !== undefined) return invalid(unknown, `not be given: create takes ${[...known].join(', ')}`)
  const subject = name('subject', options.subject)
  if (subject instanceof InvalidOptions) return subject
  const tenant = name('tenant', options.tenant ?? null)
  if (tenant instanceof InvalidOptions) return tenant
  const attributes = options.attributes ?? {}
  const problem = attributesProblem(attributes)
  if (problem !== undefined) return rejectedAttributes(problem.kind, problem.detail)
  const device = options.device === undefined ? Option.some(null) : decodeDevice(options.device)
  if (Option.isNone(device)) {
    return invalid('device', 'be { label?, userAgent?, networkPrefix? }, strings of at most 128, 512 and 64 characters')
  }
  const authentication =
    options.authentication === undefined
      ? Option.some({ level: subject === null ? 'none' : 'unspecified', methods: [], at: now })
      : decodeAuthentication({ at: now, ...options.authentication })
  if (Option.isNone(authentication)) {
    return invalid('authentication', 'be { level, methods, at? }: a string, at most 16 strings, and ms since 1970')
  }
  return { subject, tenant, attributes, device: device.value, authentication: authentication.value }
}

const rejectedAttributes = (kind: 'not-json' | 'too-large', detail: string): AttributesInvalid | AttributesTooLarge =>
  kind === 'too-large' ? new AttributesTooLarge({ message: detail }) : new AttributesInvalid({ message: detail })

/** What the fold made of racing logins: of those past the cap, the later in the log give way, or the older (I1). */
const settleCap = (
  parts: Parts,
  session: SessionId,
  subject: string,
  tenant: string | null
): Effect.Effect<void, TooManySessions | LogUnavailable> =>
  Effect.suspend(() => {
    const { cap } = parts.settings
    const standing = standingOf(parts, subject, tenant)
    const excess =
      cap.onTooMany === 'refuse'
        ? standing.slice(cap.max).filter(({ id }) => id === session)
        : standing.slice(0, Math.max(0, standing.length - cap.max)).filter(({ id }) => id !== session)
    const reason = cap.onTooMany === 'refuse' ? 'revoked' : 'evicted'
    return Effect.forEach(excess, (one) => end(parts, one, reason), { discard: true }).pipe(
      Effect.andThen(
        cap.onTooMany === 'refuse' && excess.length > 0
          ? Effect.fail(new TooManySessions({ max: cap.max, message: `The subject has ${cap.max} sessions already.` }))
          : Effect.void
      )
    )
  })

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

/** A subject of one tenant is not that of another. */
const standingOf = (parts: Parts, subject: string, tenant: string | null): readonly LiveSession[] =>
  parts.index.standing(subject, parts.time.now()).filter((session) => session.tenant === tenant)

/** Starts a session: durable and good on this node when it succeeds, on all others as soon as they hear of it. */
export const create = (parts: Parts, catchUp: CatchUp, options: CreateOptions): Effect.Effect<Issued, CreateError> =>
  Effect.gen(function*() {
    const as = writer(parts)
    const checked = yield* Effect.try({ try: () => check(options, as.at), catch: () => unreadable })
    if (!('attributes' in checked)) return yield* Effect.fail(checked)
    const before: SessionState = options.continues === undefined
      ? initial
      : yield* continued(parts, catchUp, options.continues)
    const token: Token = mintToken(parts.random)
    const session = mintSessionId(as.at, parts.random)
    const standing = checked.subject === null ? [] : standingOf(parts, checked.subject, checked.tenant)
    const decision = decide({
      type: 'Start', session, digest: digestOf(token), limits: parts.settings.limits, cap: parts.settings.cap,
      standing: standing.filter(({ id }) => before.status !== 'live' || id !== before.id), ...checked
    }, before, as)
    if (!decision.ok) return yield* Effect.fail(rejected(decision.rejection, session))
    const { applied } = yield* write(parts, decision.events)
    if (checked.subject !== null) yield* settleCap(parts, session, checked.subject, checked.tenant)
    const started = parts.index.get(session, parts.time.now())
    if (!applied || started === undefined) return yield* Effect.fail(overtaken(session))
    return { token, session: started }
  })

/** A revocation of the subject, of its tenant or of all came between. */
const overtaken = (session: SessionId) => new Conflict({
  session, expected: 1, actual: 0, message: 'The session was revoked while it started. Log in again.'
})
