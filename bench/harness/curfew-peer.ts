import { openPopulated } from './opened.ts'
import type { Peer } from './peer.ts'
import { silent } from './progress.ts'

const cookie = 'session='

/** Curfew by its public door, at the same job as the others: the Cookie header in, the subject out. */
export const curfewPeer: Peer = {
  name: 'curfew',
  revokes: 'one session, all of a subject (but some), a tenant, everything, those started before a time: on every node',
  cannot: 'a node cut off from the log: it refuses everything after maxStaleness instead',
  open: async (subjects) => {
    const { sessions, people } = await openPopulated(subjects.length, silent)
    return {
      cookies: subjects.map((_, i) => cookie + people.token(i)),
      validate: {
        kind: 'sync',
        subjectOf: (header) => {
          if (!header.startsWith(cookie)) return undefined
          const verdict = sessions.validate(header.slice(cookie.length))
          return verdict.ok ? verdict.session.subject ?? undefined : undefined
        }
      },
      close: () => sessions.close()
    }
  }
}
