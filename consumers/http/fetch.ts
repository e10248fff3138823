import type { Attributes } from '../../index.ts'
import type { Sessions } from '../../index.ts'
import { type Denial, problem, problemType } from './denial.ts'
import { denialOf } from './denied.ts'
import { worldOfWeb } from './respond.ts'
import type { WebOptions } from './options.ts'
import type { WebHeader, WebRequest } from './request.ts'
import type { RequestSession } from './request-session.ts'
import { Web } from './web.ts'

export * from './guards.ts'
export { Denied } from './denied.ts'
export type { Denial, DenialCode } from './denial.ts'
export type { ClearSiteData, CookieOptions, CsrfOptions, Weakening, WebOptions } from './options.ts'
export type { WebHeader, WebRequest } from './request.ts'
export type { DeviceEntry, LoggedOut, LoginOptions, RequestSession } from './request-session.ts'

/** What a `Request` does not tell: only the server knows it. */
export interface Connection {
  /** The client's address, for the list of devices. */
  readonly address?: string
  /** Whether the client reached the service over TLS. Default: by the request's own URL. */
  readonly secure?: boolean
  /** What a form that was read already has in the field `_csrf`. */
  readonly word?: unknown
}

/** Answers requests with sessions, in the style of `fetch`. */
export interface FetchSessions<A extends Attributes> {
  /**
   * Answers a request by `handle`, which is given its session, or with 403 or 503 in its place. The headers of what it returns are
   * completed in a new `Response`.
   */
  readonly handle: (
    request: Request, handle: (session: RequestSession<A>) => Response | Promise<Response>, connection?: Connection
  ) => Promise<Response>
}

const fetchRequest = (request: Request, { address, secure }: Connection): WebRequest => {
  const { protocol, host, pathname, search } = new URL(request.url)
  return {
    method: request.method, url: pathname + search, header: (name) => request.headers.get(name) ?? undefined,
    secure: secure ?? protocol === 'https:', host, address
  }
}

const answer = (denial: Denial): Response => {
  const headers = new Headers({ 'Content-Type': problemType, 'Cache-Control': 'no-store' })
  write(headers, denial.headers)
  return new Response(problem(denial), { status: denial.status, headers })
}

const write = (into: Headers, headers: readonly WebHeader[]): void => {
  for (const { name, value, how } of headers) {
    if (how === 'append') into.append(name, value)
    else if (how === 'set' || !into.has(name)) into.set(name, value)
  }
}

/** Sessions for whatever answers a `Request` with a `Response`. Throws `InvalidOptions`. */
export const fetchSessions = <A extends Attributes = Attributes>(
  sessions: Sessions, options?: WebOptions
): FetchSessions<A> => {
  const web = new Web<A>(worldOfWeb(sessions), options)
  const handle: FetchSessions<A>['handle'] = async (request, handle, connection = {}) => {
    const beginning = await web.begin(fetchRequest(request, connection), () => connection.word)
    if (!beginning.ok) return answer(beginning.denial)
    const response = await answered(() => handle(beginning.session))
    const ours = web.headers(beginning.session)
    if (ours.length === 0) return response
    // Those of a response that came from fetch, or of Response.redirect, cannot be changed.
    const headers = new Headers(response.headers)
    write(headers, ours)
    return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
  }
  return { handle }
}

const answered = async (handle: () => Response | Promise<Response>): Promise<Response> => {
  try {
    return await handle()
  } catch (error) {
    const denial = denialOf(error)
    if (denial === undefined) throw error
    return answer(denial)
  }
}
