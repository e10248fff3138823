import type { ErrorRequestHandler, Request, RequestHandler } from 'express'
import type { Attributes } from '../../index.ts'
import type { Sessions } from '../../index.ts'
import type { Guard } from './guards.ts'
import { attend, denyFor, deny, worldOfWeb } from './respond.ts'
import type { WebOptions } from './options.ts'
import type { WebRequest } from './request.ts'
import type { RequestSession } from './request-session.ts'
import { Web } from './web.ts'

export * from './guards.ts'
export { Denied } from './denied.ts'
export type { Denial, DenialCode } from './denial.ts'
export type { ClearSiteData, CookieOptions, CsrfOptions, Weakening, WebOptions } from './options.ts'
export type { WebHeader, WebRequest } from './request.ts'
export type { DeviceEntry, LoggedOut, LoginOptions, RequestSession } from './request-session.ts'

declare module 'express-serve-static-core' {
  interface Request {
    /** The session of this request, by the middleware of `expressSessions`. */
    curfew: RequestSession
  }
}

/** As Express tells it; how far proxies are trusted is its own setting `trust proxy`. */
const expressRequest = (request: Request): WebRequest => ({
  method: request.method,
  url: request.originalUrl,
  header: (name) => {
    const value = request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  },
  secure: request.secure,
  host: request.host,
  address: request.ip
})

/**
 * The middleware: gives each request its session, as `request.curfew`, and refuses with 403 what a foreign page has sent, and
 * with 503 whoever this node cannot know at the moment. Mount it behind the body parsers, if forms carry the word of
 * `csrfToken()` in a field. Throws `InvalidOptions`.
 */
export const expressSessions = <A extends Attributes = Attributes>(
  sessions: Sessions, options?: WebOptions
): RequestHandler => {
  const web = new Web<A>(worldOfWeb(sessions), options)
  return async (request, response, next) => {
    const word = () => (request.body as { readonly _csrf?: unknown } | undefined)?._csrf
    try {
      const session = await attend(web, expressRequest(request), response, word)
      if (session === undefined) return
      request.curfew = session as unknown as RequestSession
    } catch (error) {
      return next(error)
    }
    next()
  }
}

/** Lets a request through to what follows if the guard does, and answers it otherwise. */
export const guard = (check: Guard): RequestHandler => (request, response, next) => {
  const denied = request.curfew.check(check)
  if (denied === null) next()
  else deny(response, denied)
}

/** Behind all routes: answers what a route was refused by Curfew (`Denied`, `LogUnavailable`), and passes on the rest. */
export const sessionErrors = (): ErrorRequestHandler => (error: unknown, _request, response, next) => {
  if (!denyFor(response, error)) next(error)
}
