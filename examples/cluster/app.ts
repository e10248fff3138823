import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Conflict, type Receipt, type Session, type Sessions, type Verdict } from '../../index.ts'
import { machineMs } from './machine-clock.ts'
import { isSameOrigin } from './same-origin.ts'
import { setToken, tokenFrom } from './session-cookie.ts'

/** When a call to the session store was made and when it had resolved, by the machine's clock (machine-clock.ts). */
export interface Timed {
  readonly calledAt: number
  readonly resolvedAt: number
}
export type LoggedIn = Timed & { readonly session: Session }
export type LoggedOut = Timed & { readonly receipt: Receipt }

interface Reply {
  readonly status: number
  readonly body: unknown
  readonly cookie?: string
}
type Route = (sessions: Sessions, token: string | undefined, body: Record<string, unknown>) => Promise<Reply> | Reply

const refused = (verdict: Verdict & { ok: false }): Reply => ({ status: 401, body: { reason: verdict.reason } })

const timed = async <A>(call: () => Promise<A>): Promise<readonly [A, Timed]> => {
  const calledAt = machineMs()
  const result = await call()
  return [result, { calledAt, resolvedAt: machineMs() }]
}

/** A real app checks a password or a passkey here. Whoever was logged in with this browser is logged out by it. */
const login: Route = async (sessions, token, { name, device }) => {
  if (typeof name !== 'string' || name.length < 1 || name.length > 64) {
    return { status: 400, body: { reason: 'a name of 1 to 64 characters is needed' } }
  }
  const before = sessions.validate(token)
  const [issued, times] = await timed(() => sessions.create({
    subject: name,
    authentication: { level: 'aal1', methods: ['none'] },
    ...(typeof device === 'string' ? { device: { label: device.slice(0, 128) } } : {}),
    ...(before.ok ? { continues: { id: before.session.id } } : {})
  }))
  return { status: 200, body: { ...times, session: issued.session } satisfies LoggedIn, cookie: setToken(issued.token) }
}

/** A new token; of parallel requests one gets it, and the others go on with the one that they have. */
const renew = (sessions: Sessions, token: string) => sessions.rotate(token).catch((error: unknown) => {
  if (error instanceof Conflict) return undefined
  throw error
})

/** A page that only a logged-in person may see. This is what every request of an app does. */
const me: Route = async (sessions, token) => {
  const verdict = await sessions.authenticate(token)
  if (!verdict.ok) return refused(verdict)
  const renewed = verdict.renew && token !== undefined ? await renew(sessions, token) : undefined
  const session = renewed?.session ?? verdict.session
  return { status: 200, body: { session }, ...(renewed === undefined ? {} : { cookie: setToken(renewed.token) }) }
}

/** What this node would say right now: no waiting, no activity recorded. The page asks all nodes twice a second. */
const peek: Route = (sessions, token) => {
  const verdict = sessions.validate(token, { touch: false })
  if (!verdict.ok) return { status: 200, body: { ok: false, reason: verdict.reason } }
  const { session } = verdict
  const others = session.subject === null ? 0 : sessions.list({ subject: session.subject }).length
  return { status: 200, body: { ok: true, session, sessionsOfSubject: others } }
}

const confirmFrom = (body: Record<string, unknown>) =>
  body['confirm'] === 'cluster' ? { confirm: 'cluster' } as const : {}

/**
 * Works on a fenced node too: taking away needs no fresh knowledge. An app would delete the cookie as well (Max-Age=0);
 * this one leaves it with the browser, so that the page can show that it is worth nothing any more.
 */
const logout: Route = async (sessions, token, body) => {
  if (token === undefined) return { status: 401, body: { reason: 'unknown' } }
  const [receipt, times] = await timed(() => sessions.revoke({ token }, confirmFrom(body)))
  return { status: 200, body: { ...times, receipt } satisfies LoggedOut }
}

const logoutEverywhere: Route = async (sessions, token, body) => {
  const verdict = await sessions.authenticate(token)
  if (!verdict.ok) return refused(verdict)
  const { subject, id } = verdict.session
  const target = subject === null ? { id } : { subject }
  const [receipt, times] = await timed(() => sessions.revoke(target, { reason: 'logout', ...confirmFrom(body) }))
  return { status: 200, body: { ...times, receipt } satisfies LoggedOut }
}

const routes: Readonly<Record<string, Route>> = {
  'GET /me': me,
  'GET /peek': peek,
  'POST /login': login,
  'POST /logout': logout,
  'POST /logout-everywhere': logoutEverywhere
}

/** The errors of the store that a client can do something about; the rest is our own fault. */
const statusOf: Readonly<Record<string, number>> = {
  InvalidOptions: 400, NotFound: 404, Conflict: 409, TooManySessions: 429,
  LogUnavailable: 503, NotConfirmed: 503, Closed: 503
}

const bodyLengthMax = 1_024

const bodyOf = async (request: IncomingMessage): Promise<Record<string, unknown> | undefined> => {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > bodyLengthMax) return undefined
  }
  if (text === '') return {}
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === 'object' && body !== null ? { ...body } : undefined
  } catch {
    return undefined
  }
}

const answer = async (sessions: Sessions, request: IncomingMessage): Promise<Reply> => {
  const route = routes[`${request.method} ${request.url}`]
  if (route === undefined) return { status: 404, body: { reason: 'no such page' } }
  if (request.method === 'POST' && !isSameOrigin(request)) return { status: 403, body: { reason: 'from another site' } }
  const body = await bodyOf(request)
  if (body === undefined) return { status: 400, body: { reason: `not JSON of at most ${bodyLengthMax} characters` } }
  return route(sessions, tokenFrom(request.headers.cookie), body)
}

const failed = (error: unknown): Reply => {
  const tag = typeof error === 'object' && error !== null && '_tag' in error ? String(error._tag) : 'Error'
  const status = statusOf[tag] ?? 500
  if (status === 500) console.error(error)
  return { status, body: { reason: error instanceof Error ? error.message : tag } }
}

const send = (response: ServerResponse, { status, body, cookie }: Reply): void => {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    ...(cookie === undefined ? {} : { 'set-cookie': cookie })
  }).end(JSON.stringify(body))
}

/** The app of one node. */
export const app = (sessions: Sessions): RequestListener => (request, response) => {
  void answer(sessions, request).catch(failed).then((reply) => send(response, reply))
}
