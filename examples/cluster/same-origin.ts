import type { IncomingMessage } from 'node:http'

/**
 * Whether a request that changes something comes from our own pages. A cookie is sent along whoever made the browser
 * send the request, so without this check any site could log its visitors out, or into someone else's session.
 *
 * Browsers say where a request comes from in Sec-Fetch-Site ('none': typed or bookmarked); older ones in Origin, which
 * then must name this host. A request with neither does not come from a browser, and carries only its own cookies.
 */
export const isSameOrigin = ({ headers }: IncomingMessage): boolean => {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  const { origin, host } = headers
  if (origin === undefined) return true
  return URL.canParse(origin) && new URL(origin).host === host
}
