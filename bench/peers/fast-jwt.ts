import { createSigner, createVerifier } from 'fast-jwt'
import type { Peer } from '../harness/peer.ts'
import { cookieOf, valueOf } from './cookie.ts'

const key = 'a secret of the benchmark, 32 bytes or more'

/** `cache`: how many verified tokens are remembered; 0: none. Its own `true` means 1,000, too few for all sessions. */
const open = async (subjects: readonly string[], cache: number) => {
  const sign = createSigner({ algorithm: 'HS256', key, expiresIn: '12h' })
  const verify = createVerifier({ algorithms: ['HS256'], key, ...(cache === 0 ? {} : { cache }) })
  const tokens = subjects.map((sub) => sign({ sub }))
  if (cache > 0) for (const token of tokens) verify(token)
  return {
    cookies: tokens.map(cookieOf),
    validate: {
      kind: 'sync' as const,
      subjectOf: (header: string): string | undefined => {
        try {
          return (verify(valueOf(header)) as { readonly sub?: string }).sub
        } catch {
          // Its way to say no: an exception for every token that does not verify.
          return undefined
        }
      }
    },
    close: async () => {}
  }
}

const revokes = 'nothing before it expires'
const cannot = 'end one session, or all of a subject; all at once only by another key'

export const fastJwt: Peer = {
  name: 'fast-jwt', revokes, cannot,
  open: (subjects) => open(subjects, 0)
}

/** Its best case: a cache with room for every session, and each token verified once before. */
export const fastJwtCached: Peer = {
  name: 'fast-jwt-cached', revokes, cannot: `${cannot}; a cached token is not even checked again`,
  open: (subjects) => open(subjects, subjects.length)
}
