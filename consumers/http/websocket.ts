import type { RequestSession } from './request-session.ts'

/** Close codes from 4000 are the app's own (RFC 6455, section 7.4.2). */
export const closeCodes = { over: 4401, denied: 4403 } as const

/** What can be closed with a code and a reason: a `WebSocket` of ws, or any other. */
export interface Closable {
  readonly close: (code?: number, reason?: string) => void
  readonly once?: (event: 'close', listener: () => void) => unknown
}
