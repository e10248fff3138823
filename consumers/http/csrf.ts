import { createHmac, timingSafeEqual } from 'node:crypto'
import type { WebSettings } from './options.ts'
import { isSafe, type WebRequest } from './request.ts'

const nonceBytes = 16
const macBytes = 32
const wordLength = Math.ceil((nonceBytes + macBytes) * 4 / 3)

const macOf = (secret: string, nonce: Uint8Array): Buffer =>
  createHmac('sha256', secret).update('curfew csrf v1\0').update(nonce).digest()

/**
 * A word for the forms of one session: whoever sends it back has read a page that was made for it. It is bound to the
 * session's token by an HMAC that has the token as its key, and tells nothing of it; another each time, so that a
 * compressed page does not give it away. A new token makes it void.
 */
export const csrfWord = (secret: string, random: (bytes: number) => Uint8Array): string => {
  const nonce = random(nonceBytes)
  return Buffer.concat([nonce, macOf(secret, nonce)]).toString('base64url')
}

/** Whether the word was made for this token. Any value may be given. */
export const isCsrfWord = (word: unknown, secret: string): boolean => {
  if (typeof word !== 'string' || word.length !== wordLength) return false
  const bytes = Buffer.from(word, 'base64url')
  if (bytes.length !== nonceBytes + macBytes) return false
  return timingSafeEqual(bytes.subarray(nonceBytes), macOf(secret, bytes.subarray(0, nonceBytes)))
}

/**
 * Where a request was sent from, as far as the browser says (W3C Fetch Metadata, and before it the Origin header).
 * 'unsaid': it says nothing, so a word is asked for.
 */
export type Sender = 'own' | 'foreign' | 'unsaid'

export const senderOf = (request: WebRequest, { trustedOrigins }: WebSettings): Sender => {
  const site = request.header('sec-fetch-site')
  const origin = request.header('origin')
  if (origin !== undefined && trustedOrigins.has(origin)) return 'own'
  // Typed into the address bar, or a bookmark: no page has sent it.
  if (site === 'same-origin' || site === 'none') return 'own'
  if (site !== undefined) return 'foreign'
  if (origin === undefined) return 'unsaid'
  const own = `${request.secure ? 'https' : 'http'}://${request.host ?? ''}`
  // That the origin is the right one is no proof in a browser so old that it leaves it away elsewhere.
  return origin === own ? 'unsaid' : 'foreign'
}

const pathOf = (url: string): string => url.split(/[?#]/, 1)[0]!

/** Whether a request may do what it asks for, as far as its sender goes. 'word': if it brings one. */
export const csrfVerdict = (request: WebRequest, settings: WebSettings): 'allowed' | 'refused' | 'word' => {
  if (isSafe(request.method) || settings.isExempt(pathOf(request.url))) return 'allowed'
  switch (senderOf(request, settings)) {
    case 'own': return 'allowed'
    case 'foreign': return 'refused'
    case 'unsaid': return 'word'
  }
}
