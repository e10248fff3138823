import * as Effect from 'effect/Effect'
import { isSessionId, type SessionId } from '../domain/ids.ts'
import { digestOf, isToken } from '../domain/token.ts'
import { InvalidOptions, type LogUnavailable, NotFound } from '../errors.ts'
import type { CatchUp, Parts } from './parts.ts'
import type { Found } from './ports.ts'
import { absoluteDeadline, idleDeadline, type LiveSession, type SessionState } from '../domain/session.ts'

export const noSuchToken = new NotFound({
  message: 'No live session has this token. It ended, or the token is not one of ours.'
})

export const noSuchSession = (id: unknown) => new NotFound({
  message: isSessionId(id) ? `There is no live session ${id}.` : 'The session id is not one of ours.'
})

/**
 * The session of a token that is good at this moment, looked up again after catching up if this node does not know it.
 */
export const findToken = (
  parts: Parts,
  catchUp: CatchUp,
  token: unknown
): Effect.Effect<Found, NotFound | LogUnavailable> =>
  Effect.suspend(() => {
    if (!isToken(token)) return Effect.fail(noSuchToken)
    const digest = digestOf(token)
    const known = parts.index.find(digest)
    if (known !== undefined) return Effect.succeed(known)
    return catchUp.now.pipe(
      Effect.flatMap(() => {
        const found = parts.index.find(digest)
        return found === undefined ? Effect.fail(noSuchToken) : Effect.succeed(found)
      })
    )
  })

/** The state of a session, after catching up if this node does not know it. Never 'none'. */
export const findState = (
  parts: Parts, catchUp: CatchUp, id: unknown
): Effect.Effect<Exclude<SessionState, { readonly status: 'none' }>, NotFound | LogUnavailable> =>
  Effect.suspend(() => {
    if (!isSessionId(id)) return Effect.fail(noSuchSession(id))
    const known = parts.index.state(id)
    if (known.status !== 'none') return Effect.succeed(known)
    return catchUp.now.pipe(Effect.flatMap(() => {
      const state = parts.index.state(id)
      return state.status === 'none' ? Effect.fail(noSuchSession(id)) : Effect.succeed(state)
    }))
  })

export const findLive = (
  parts: Parts, catchUp: CatchUp, id: unknown
): Effect.Effect<LiveSession, NotFound | LogUnavailable> =>
  Effect.flatMap(findState(parts, catchUp, id), (state) =>
    state.status === 'live' ? Effect.succeed(state) : Effect.fail(noSuchSession(id)))

const isOver = (session: LiveSession, now: number): boolean =>
  now >= absoluteDeadline(session) || now >= idleDeadline(session)

/** The session of a token that is good at this moment, be it an old one in its grace. */
export const findUsable = (
  parts: Parts, catchUp: CatchUp, token: unknown
): Effect.Effect<Found, NotFound | LogUnavailable> =>
  Effect.flatMap(findToken(parts, catchUp, token), (found) => {
    const now = parts.time.now()
    return now < found.goodUntil && !isOver(found.session, now)
      ? Effect.succeed(found)
      : Effect.fail(noSuchSession(found.session.id))
  })

/** The id that a session id or a token names. */
export const sessionIdOf = (
  parts: Parts, catchUp: CatchUp, option: string, value: unknown
): Effect.Effect<SessionId, NotFound | LogUnavailable | InvalidOptions> => {
  if (isSessionId(value)) return Effect.succeed(value)
  if (isToken(value)) return Effect.map(findToken(parts, catchUp, value), ({ session }) => session.id)
  return Effect.fail(new InvalidOptions({ option, message: `The option ${option} must be a session id or a token.` }))
}
