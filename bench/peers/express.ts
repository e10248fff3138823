import { createRequire } from 'node:module'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { OpenPeer } from '../harness/peer.ts'
import { requestWith, unconnected } from './request.ts'

/** What is used of express-session, which brings no types of its own. */
export interface SessionModule {
  (options: SessionOptions): Middleware
  readonly MemoryStore: new () => Store
}
interface SessionOptions {
  readonly store: Store
  readonly secret: string
  readonly resave: boolean
  readonly saveUninitialized: boolean
}
export interface Store {
  readonly get: (id: string, done: (error: unknown, session?: unknown) => void) => void
}
interface WithSession extends IncomingMessage {
  session?: { subject?: string; save(done: (error: unknown) => void): void }
}
type Middleware = (req: WithSession, res: ServerResponse, next: (error?: unknown) => void) => void

export const session = createRequire(import.meta.url)('express-session') as SessionModule

/**
 * express-session as its README sets it up, over a store: every subject logs in once, and the cookie that the response
 * would set is kept. A validation runs the middleware up to the handler behind it, which reads `req.session`; the
 * `touch` that the middleware sends to its store at the end of a response is left out, in its favour.
 */
export const openExpress = async (
  subjects: readonly string[], store: Store, close: () => Promise<void>
): Promise<OpenPeer> => {
  const middleware = session({ store, secret: 'keyboard cat', resave: false, saveUninitialized: false })
  const socket = unconnected()
  const through = (header: string): Promise<{ readonly req: WithSession; readonly res: ServerResponse }> =>
    new Promise((resolve, reject) => {
      const { req, res } = requestWith(header, socket)
      middleware(req, res, (error) => { if (error === undefined) resolve({ req, res }); else reject(error) })
    })
  const logIn = async (subject: string): Promise<string> => {
    const { req, res } = await through('')
    req.session!.subject = subject
    await new Promise<void>((resolve, reject) => { req.session!.save((error) => error ? reject(error) : resolve()) })
    res.writeHead(200)
    const cookie = String(res.getHeader('set-cookie'))
    return cookie.slice(0, cookie.indexOf(';'))
  }
  const cookies: string[] = []
  for (const subject of subjects) cookies.push(await logIn(subject))
  return {
    cookies,
    validate: { kind: 'async', subjectOf: async (header) => (await through(header)).req.session?.subject },
    close: async () => {
      socket.destroy()
      await close()
    }
  }
}
