import type { WebHeader } from './request.ts'

/** Why a request is not let through. */
export type DenialCode =
  | 'login-required' | 'reauthentication-required' | 'level-required' | 'forbidden' | 'csrf' | 'insecure' | 'unavailable'

/** An answer in place of the app's. */
export interface Denial {
  readonly code: DenialCode
  readonly status: 401 | 403 | 503
  /** For people; holds nothing of the request. */
  readonly title: string
  readonly headers: readonly WebHeader[]
}

const denials = {
  'login-required': [401, 'Log in first.'],
  'reauthentication-required': [401, 'Prove again who you are: the last time was too long ago.'],
  'level-required': [401, 'Prove who you are in a stronger way.'],
  'forbidden': [403, 'This is not for this session.'],
  'csrf': [403, 'The request did not come from a page of this service.'],
  'insecure': [403, 'Sessions are for https only.'],
  'unavailable': [503, 'The service cannot tell at the moment whether you are logged in. Try again in some seconds.']
} as const satisfies Record<DenialCode, readonly [Denial['status'], string]>

/** Seconds after which a client that was told 503 should ask again. */
const retryAfterSeconds = 2

export const denial = (code: DenialCode): Denial => {
  const [status, title] = denials[code]
  return {
    code, status, title,
    headers: status === 503 ? [{ name: 'Retry-After', value: String(retryAfterSeconds), how: 'set' }] : []
  }
}

/** The body of such an answer (RFC 9457). */
export const problem = ({ code, status, title }: Denial): string => JSON.stringify({ type: 'about:blank', title, status, code })
export const problemType = 'application/problem+json; charset=utf-8'
