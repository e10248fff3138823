import { getIronSession, sealData } from 'iron-session'
import type { Peer } from '../harness/peer.ts'
import { cookieName, cookieOf } from './cookie.ts'
import { requestWith, unconnected } from './request.ts'

interface Data {
  readonly subject: string
}

const options = { password: 'a password of the benchmark, 32 characters or more', cookieName }

export const ironSession: Peer = {
  name: 'iron-session',
  revokes: 'nothing before it expires',
  cannot: 'end one session, or all of a subject: logging out only asks the browser to forget the cookie',
  open: async (subjects) => {
    const cookies: string[] = []
    for (const subject of subjects) cookies.push(cookieOf(await sealData({ subject }, options)))
    const socket = unconnected()
    return {
      cookies,
      validate: {
        kind: 'async',
        subjectOf: async (header) => {
          const { req, res } = requestWith(header, socket)
          const session = await getIronSession<Data>(req, res, options)
          return session.subject
        }
      },
      close: async () => { socket.destroy() }
    }
  }
}
