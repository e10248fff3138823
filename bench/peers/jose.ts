import { errors, jwtVerify, SignJWT } from 'jose'
import type { Peer } from '../harness/peer.ts'
import { cookieOf, valueOf } from './cookie.ts'

const secret = new TextEncoder().encode('a secret of the benchmark, 32 bytes or more')

export const jose: Peer = {
  name: 'jose',
  revokes: 'nothing before it expires',
  cannot: 'end one session, or all of a subject; all at once only by another key',
  open: async (subjects) => {
    const cookies: string[] = []
    for (const subject of subjects) {
      const token = await new SignJWT().setProtectedHeader({ alg: 'HS256' }).setSubject(subject).setIssuedAt()
        .setExpirationTime('12h').sign(secret)
      cookies.push(cookieOf(token))
    }
    return {
      cookies,
      validate: {
        kind: 'async',
        subjectOf: async (header) => {
          try {
            const { payload } = await jwtVerify(valueOf(header), secret, { algorithms: ['HS256'] })
            return payload.sub
          } catch (error) {
            if (error instanceof errors.JOSEError) return undefined
            throw error
          }
        }
      },
      close: async () => {}
    }
  }
}
