import { parseCookie, stringifySetCookie } from 'cookie'
import type { WebSettings } from './options.ts'

/**
 * The value of the cookie with this name in a Cookie header. undefined: there is none. Of a name that stands twice with
 * different values nobody can say which is meant (RFC 6265bis, section 5.8.3), so the value is none that a token could be.
 */
export const cookieValue = (header: string | undefined, name: string): string | undefined => {
  if (header === undefined) return undefined
  const first = header.indexOf(name)
  if (first === -1) return undefined
  if (header.indexOf(name, first + name.length) === -1) return own(header, name)
  const values = new Set(header.split(';').map((pair) => own(pair, name)).filter((value) => value !== undefined))
  if (values.size > 1) return ''
  return values.values().next().value
}

const own = (header: string, name: string): string | undefined => parseCookie(header, { decode: asIs })[name]
/** Nothing of ours is encoded. */
const asIs = (value: string): string => value

/** The longest that a browser keeps a cookie, in seconds: 400 days (RFC 6265bis, section 5.5). */
const maxAgeMax = 34_560_000

/** The Set-Cookie that gives a browser its token. When the session is over, the server says, and never the cookie. */
export const givingCookie = ({ cookie }: WebSettings, value: string): string => stringifySetCookie({
  ...attributesOf(cookie), name: cookie.name, value, ...(cookie.persistent ? { maxAge: maxAgeMax } : {})
}, { encode: asIs })

/** The Set-Cookie that takes it away: the same name, path, domain and partition, or it would be another cookie. */
export const takingCookie = ({ cookie }: WebSettings): string => stringifySetCookie({
  ...attributesOf(cookie), name: cookie.name, value: '', maxAge: 0, expires: new Date(0)
})

const attributesOf = ({ sameSite, partitioned, domain }: WebSettings['cookie']) => ({
  path: '/', httpOnly: true, secure: true, sameSite,
  ...(domain === undefined ? {} : { domain }), ...(partitioned ? { partitioned } : {})
})
