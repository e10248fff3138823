import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import proxyAddr from 'proxy-addr'
import type { Attributes } from '../../index.ts'
import { InvalidOptions } from '../../index.ts'
import type { Sessions } from '../../index.ts'
import type { WebOptions } from './options.ts'
import type { WebRequest } from './request.ts'
import { attend, denyFor, worldOfWeb } from './respond.ts'
import type { RequestSession } from './request-session.ts'
import { Web } from './web.ts'

export * from './guards.ts'
export { Denied } from './denied.ts'
export { deny } from './respond.ts'
export type { Denial, DenialCode } from './denial.ts'
export type { ClearSiteData, CookieOptions, CsrfOptions, Weakening, WebOptions } from './options.ts'
export type { WebHeader, WebRequest } from './request.ts'
export type { DeviceEntry, LoggedOut, LoginOptions, RequestSession } from './request-session.ts'

/** How sessions meet a server of node:http. */
export interface NodeWebOptions extends WebOptions {
  /**
   * Proxies whose X-Forwarded-For, -Proto and -Host are believed: addresses or networks, or 'loopback', 'linklocal',
   * 'uniquelocal'. Default: none.
   */
  readonly trustProxy?: string | readonly string[]
  /** Told of what a handler threw that is answered with 500. Default: prints it. */
  readonly onError?: (error: unknown) => void
}

/** Answers requests with sessions. */
export interface NodeSessions<A extends Attributes> {
  /**
   * The session of a request, or `undefined`: the request was answered already, with 403 (it came from a foreign page) or 503
   * (this node cannot know at the moment). What the session changes goes into the response as its headers are sent.
   */
  readonly of: (request: IncomingMessage, response: ServerResponse) => Promise<RequestSession<A> | undefined>
  /** A listener for `createServer`. An error that it throws is answered with 500, or as the `Denied` that it is. */
  readonly handler: (handle: NodeHandle<A>) => (request: IncomingMessage, response: ServerResponse) => void
}

/** What answers a request. */
export type NodeHandle<A extends Attributes> = (
  request: IncomingMessage, response: ServerResponse, session: RequestSession<A>
) => unknown

type Trust = (address: string, hop: number) => boolean

const trustOf = (proxies: NodeWebOptions['trustProxy']): Trust => {
  if (proxies === undefined) return () => false
  try {
    return proxyAddr.compile(typeof proxies === 'string' ? proxies : [...proxies])
  } catch {
    throw new InvalidOptions({
      option: 'trustProxy', message: "The option trustProxy must be addresses or networks, like 'loopback' or ['10.0.0.0/8']."
    })
  }
}

/** The last of what the proxies have listed: the one nearest to us is the one that is trusted. */
const nearest = (value: string | string[] | undefined): string | undefined =>
  (Array.isArray(value) ? value.at(-1) : value)?.split(',').at(-1)?.trim()

const nodeRequest = (request: IncomingMessage, trust: Trust): WebRequest => {
  const { headers, socket } = request
  const isProxied = trust(socket.remoteAddress ?? '', 0)
  const proto = isProxied ? nearest(headers['x-forwarded-proto']) : undefined
  return {
    method: request.method ?? 'GET',
    url: request.url ?? '/',
    header: (name) => {
      const value = headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    secure: proto === undefined ? (socket as Partial<TLSSocket>).encrypted === true : proto === 'https',
    host: (isProxied ? nearest(headers['x-forwarded-host']) : undefined) ?? headers.host,
    get address() { return proxyAddr(request, trust) }
  }
}

/** Sessions for a server of node:http or node:https. Throws `InvalidOptions`. */
export const nodeSessions = <A extends Attributes = Attributes>(
  sessions: Sessions, { trustProxy, onError = print, ...options }: NodeWebOptions = {}
): NodeSessions<A> => {
  const web = new Web<A>(worldOfWeb(sessions), options)
  const trust = trustOf(trustProxy)
  const of: NodeSessions<A>['of'] = (request, response) => attend(web, nodeRequest(request, trust), response)
  const handler: NodeSessions<A>['handler'] = (handle) => (request, response) => {
    const answer = async (): Promise<void> => {
      const session = await of(request, response)
      if (session !== undefined) await handle(request, response, session)
    }
    answer().catch((error: unknown) => { if (!denyFor(response, error)) fail(response, error, onError) })
  }
  return { of, handler }
}

const print = (error: unknown): void => { console.error(error) }

const fail = (response: ServerResponse, error: unknown, onError: (error: unknown) => void): void => {
  onError(error)
  if (response.headersSent) response.destroy()
  else response.writeHead(500, { 'Content-Type': 'text/plain; charset=utf-8' }).end('Internal Server Error')
}
