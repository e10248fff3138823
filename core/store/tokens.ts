import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import * as Schema from 'effect/Schema'
import type { Command } from '../domain/commands.ts'
import { decide } from '../domain/decide.ts'
import { type Attributes, Authentication } from '../domain/events.ts'
import type { Digest, SessionId } from '../domain/ids.ts'
import { type DurationInput, durationMs } from '../domain/limits.ts'
import { absoluteDeadline, idleDeadline, type LiveSession } from '../domain/session.ts'
import { digestOf, isToken, mintToken } from '../domain/token.ts'
import type { Session } from '../domain/verdict.ts'
import {
  type AttributesInvalid, type AttributesTooLarge, type Conflict, InvalidOptions, type LogUnavailable, NotFound,
  type TooManySessions
} from '../errors.ts'
import type { Issued } from './create.ts'
import { type CatchUp, type Parts, writer } from './parts.ts'
import type { Found } from './ports.ts'
import { conflict, rejected } from './rejected.ts'
import { findLive, findToken, findUsable } from './targets.ts'
import { write } from './write.ts'

/** Of a rotation. */
export interface RotateOptions {
  /** How long the old token stays good after the new one was presented. Default: the node's `grace`. */
  readonly grace?: DurationInput
}
/** How the subject has just proved who it is: the app's own level, and method names. */
export interface ReauthenticateOptions extends RotateOptions {
  readonly level: string
  readonly methods: readonly string[]
}
/** Of a change of attributes. */
export interface UpdateOptions {
  /** Only if the session is at this version; otherwise `Conflict`. */
  readonly ifVersion?: number
}
export type TokenError = InvalidOptions | NotFound | Conflict | LogUnavailable
export type UpdateError = TokenError | AttributesInvalid | AttributesTooLarge

/** So often a write is decided anew when another change of the same session came first. */
const attemptsMax = 5

const isOver = (session: LiveSession, now: number): boolean =>
  now >= absoluteDeadline(session) || now >= idleDeadline(session)

const over = (session: SessionId) => new NotFound({ message: `There is no live session ${session}.` })

const live = (parts: Parts, id: SessionId): Effect.Effect<LiveSession, NotFound> => Effect.suspend(() => {
  const state = parts.index.state(id)
  return state.status === 'live' && !isOver(state, parts.time.now()) ? Effect.succeed(state) : Effect.fail(over(id))
})

const session = (parts: Parts, id: SessionId): Effect.Effect<Session, NotFound> => Effect.suspend(() => {
  const found = parts.index.get(id, parts.time.now())
  return found === undefined ? Effect.fail(over(id)) : Effect.succeed(found)
})

type DomainError = AttributesInvalid | AttributesTooLarge | Conflict | NotFound | TooManySessions

/**
 * One try: decide on what this node knows, write, and see what the fold made of it. `isLost`: whether what is known by
 * then is no longer what the command is for.
 */
const attempt = (
  parts: Parts, id: SessionId, command: Command, isLost: (state: LiveSession) => boolean = () => false
): Effect.Effect<boolean, DomainError | LogUnavailable> =>
  Effect.gen(function*() {
    const state = yield* live(parts, id)
    if (isLost(state)) return yield* Effect.fail(conflict(id, state.version - 1, state.version))
    const decision = decide(command, state, writer(parts))
    if (!decision.ok) return yield* Effect.fail(rejected(decision.rejection, id))
    return (yield* write(parts, decision.events)).applied
  })

/** Makes a presented token that is not current yet current, so that what follows builds on it. */
export const confirm = (parts: Parts, id: SessionId, digest: Digest): Effect.Effect<void, LogUnavailable> =>
  attempt(parts, id, { type: 'Confirm', digest }).pipe(
    // Ended meanwhile, or confirmed by another node: both are answers.
    Effect.catchTag(
      ['NotFound', 'Conflict', 'TooManySessions', 'AttributesInvalid', 'AttributesTooLarge'],
      () => Effect.void
    ),
    Effect.asVoid
  )

const grace = (parts: Parts, value: DurationInput | undefined): number | InvalidOptions => {
  const ms = value === undefined ? parts.settings.graceMs : durationMs(value)
  return ms === undefined || ms > 3_600_000
    ? new InvalidOptions({ option: 'grace', message: 'The option grace must be a duration from 0 ms to 1 hour.' })
    : ms
}

/** The session of a token that may still be exchanged: one that was replaced buys no successor, in its grace or not. */
const exchangeable = (parts: Parts, catchUp: CatchUp, token: unknown): Effect.Effect<Found, TokenError> =>
  Effect.gen(function*() {
    const found = yield* findToken(parts, catchUp, token)
    const now = parts.time.now()
    if (isOver(found.session, now)) return yield* Effect.fail(over(found.session.id))
    if (found.kind === 'previous' && !(found.confirmable && now < found.goodUntil)) {
      return yield* Effect.fail(conflict(found.session.id, found.session.version - 1, found.session.version))
    }
    return found
  })

/** The command with a new token's digest, under the session as it is at each try. */
type Exchange = (digest: Digest) => Command

const exchange = (
  parts: Parts,
  catchUp: CatchUp,
  token: unknown,
  command: Exchange
): Effect.Effect<Issued, TokenError> =>
  Effect.gen(function*() {
    const found = yield* exchangeable(parts, catchUp, token)
    const { id } = found.session
    const presented = isToken(token) ? digestOf(token) : found.session.current.digest
    if (found.kind !== 'current') yield* confirm(parts, id, presented)
    const pendingBefore = (yield* live(parts, id)).pending?.digest
    // If a token has moved, another exchange has won; if anything else has, that is none of our business.
    const isLost = ({ current, pending }: LiveSession) =>
      current.digest !== presented || pending?.digest !== pendingBefore
    const minted = mintToken(parts.random)
    for (let tries = 1; ; tries++) {
      const stands = yield* attempt(parts, id, command(digestOf(minted)), isLost).pipe(Effect.catchTag(
        ['TooManySessions', 'AttributesInvalid', 'AttributesTooLarge'], (defect) => Effect.die(defect)))
      if (stands) break
      if (tries === attemptsMax) return yield* Effect.fail(conflict(id, found.session.version, found.session.version))
    }
    return { token: minted, session: yield* sessionOf(parts, id, minted) }
  })

/** The session as the new token will see it, which may have been given more than the one that is current. */
const sessionOf = (parts: Parts, id: SessionId, token: string): Effect.Effect<Session, NotFound> =>
  Effect.suspend(() => {
    const seen = parts.index.peek(token, parts.time.now())
    return seen === undefined ? session(parts, id) : Effect.succeed(seen)
  })

/** A new token for the session. The one presented stays good until the new one is first presented, and `grace` more. */
export const rotate = (
  parts: Parts, catchUp: CatchUp, token: unknown, options?: RotateOptions | null
): Effect.Effect<Issued, TokenError> => Effect.suspend(() => {
  const graceMs = grace(parts, options?.grace)
  return graceMs instanceof InvalidOptions
    ? Effect.fail(graceMs)
    : exchange(parts, catchUp, token, (digest) => ({ type: 'Rotate', digest, graceMs }))
})

const decodeAuthentication = Schema.decodeUnknownOption(Authentication)

/** The same with a stronger (or fresher) authentication, which only the new token has. */
export const reauthenticate = (
  parts: Parts, catchUp: CatchUp, token: unknown, options: ReauthenticateOptions
): Effect.Effect<Issued, TokenError> => Effect.suspend(() => {
  const authentication = decodeAuthentication({
    level: options?.level, methods: options?.methods, at: parts.time.now()
  })
  if (Option.isNone(authentication)) {
    return Effect.fail(new InvalidOptions({
      option: 'authentication', message: 'reauthenticate needs { level, methods }: a string and at most 16 strings.'
    }))
  }
  const graceMs = grace(parts, options?.grace)
  return graceMs instanceof InvalidOptions
    ? Effect.fail(graceMs)
    : exchange(parts, catchUp, token, (digest) => ({
      type: 'Reauthenticate', digest, graceMs, authentication: authentication.value
    }))
})

/** Merges a JSON merge patch (RFC 7396) into the session's attributes, in the order of the log. */
export const update = (
  parts: Parts, catchUp: CatchUp, target: unknown, patch: Attributes, options?: UpdateOptions | null
): Effect.Effect<Session, UpdateError> => Effect.gen(function*() {
  const ifVersion = options?.ifVersion ?? null
  if (ifVersion !== null && !(Number.isSafeInteger(ifVersion) && ifVersion >= 1)) {
    return yield* Effect.fail(new InvalidOptions({
      option: 'ifVersion', message: 'The option ifVersion must be a session\'s version: a whole number from 1.'
    }))
  }
  const id = typeof target === 'object' && target !== null && 'id' in target
    ? (yield* findLive(parts, catchUp, target.id)).id
    : (yield* findUsable(parts, catchUp, target)).session.id
  const change = attempt(parts, id, { type: 'Change', patch, ifVersion }).pipe(
    Effect.catchTag('TooManySessions', (defect) => Effect.die(defect)))
  // Void without a version that was expected: another patch took the room first. The next try says so.
  const applied = (yield* change) || (ifVersion === null && (yield* change))
  if (!applied) return yield* Effect.fail(conflict(id, ifVersion ?? 0, (yield* live(parts, id)).version))
  return yield* session(parts, id)
})
