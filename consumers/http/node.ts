import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import onHeaders from 'on-headers'
import proxyAddr from 'proxy-addr'
import type { Attributes } from '../../index.ts'
import { systemClock } from '../../core/clock.ts'
import { InvalidOptions } from '../../index.ts'
import type { Sessions } from '../../index.ts'
import { type Denial, problem, problemType } from './denial.ts'
import { denialOf } from './denied.ts'
import type { WebOptions } from './options.ts'
import type { WebHeader, WebRequest } from './request.ts'
import type { RequestSession } from './request-session.ts'
import { Web } from './web.ts'

export type { RequestSession } from './request-session.ts'
export type { WebOptions } from './options.ts'

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

export const nodeRequest = (request: IncomingMessage, trust: Trust): WebRequest => {
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

/** Puts headers into a response that has none of them sent. */
export const writeHeaders = (response: ServerResponse, headers: readonly WebHeader[]): void => {
  for (const { name, value, how } of headers) {
    if (how === 'append') response.appendHeader(name, value)
    else if (how === 'set' || !response.hasHeader(name)) response.setHeader(name, value)
  }
}

export const deny = (response: ServerResponse, denial: Denial): void => {
  writeHeaders(response, denial.headers)
  response.writeHead(denial.status, { 'Content-Type': problemType, 'Cache-Control': 'no-store' }).end(problem(denial))
}

/** Answers what the app was refused by us, and nothing else: whether it was that. */
export const denyFor = (response: ServerResponse, error: unknown): boolean => {
  const denied = denialOf(error)
  if (denied === undefined || response.headersSent) return false
  deny(response, denied)
  return true
}

/** The parts of the world that the sessions of the web need. */
export const worldOfWeb = (sessions: Sessions) =>
  ({ sessions, random: (bytes: number) => randomBytes(bytes), now: () => systemClock.wall() })

/** Begins a request, and sees to its response. undefined: it was answered. */
export const attend = async <A extends Attributes>(
  web: Web<A>, asked: WebRequest, response: ServerResponse, word?: () => unknown
): Promise<RequestSession<A> | undefined> => {
  const begun = web.begin(asked, word)
  const beginning = begun instanceof Promise ? await begun : begun
  if (!beginning.ok) {
    deny(response, beginning.denial)
    return undefined
  }
  const { session } = beginning
  onHeaders(response, () => writeHeaders(response, web.headers(session)))
  return session
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
