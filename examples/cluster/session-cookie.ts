import { parseCookie, stringifySetCookie } from 'cookie'

// On the web call it __Host-session and add `secure: true`: then no other host, not even a subdomain, can set it.
// Browsers take that name over https only, and this example is served on http://localhost.
const name = 'session'

/** The token that the client presents, if any. Whatever it is, `validate` has an answer for it. */
export const tokenFrom = (header: string | undefined): string | undefined => parseCookie(header ?? '')[name]

/** HttpOnly: no script can read it. SameSite=Lax: other sites' forms and frames do not send it. */
export const setToken = (token: string): string =>
  stringifySetCookie({ name, value: token, httpOnly: true, sameSite: 'lax', path: '/' })
