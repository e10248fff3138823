import type { ServerResponse } from 'node:http'
import onHeaders from 'on-headers'
import { systemClock } from '../../core/clock.ts'
import { makeRandom } from '../../core/random.ts'
import type { Attributes, Sessions } from '../../index.ts'
import { type Denial, problem, problemType } from './denial.ts'
import { denialOf } from './denied.ts'
import type { WebHeader, WebRequest } from './request.ts'
import type { RequestSession } from './request-session.ts'
import type { Web } from './web.ts'

/** Puts headers into a response that has none of them sent. */
export const writeHeaders = (response: ServerResponse, headers: readonly WebHeader[]): void => {
  for (const { name, value, how } of headers) {
    if (how === 'append') response.appendHeader(name, value)
    else if (how === 'set' || !response.hasHeader(name)) response.setHeader(name, value)
  }
}

/** Answers a request with what a guard, or a rejection, says instead of the app. */
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
  ({ sessions, random: makeRandom(), now: () => systemClock.wall() })

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
