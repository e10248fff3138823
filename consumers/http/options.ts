import type { DurationInput } from '../../core/domain/limits.ts'
import { durationMs } from '../../core/domain/limits.ts'
import { InvalidOptions } from '../../index.ts'
import type { WebRequest } from './request.ts'

/** The cookie that carries the token. */
export interface CookieOptions {
  /** Default `__Host-session`. A name with another prefix is a weakening: see `weaker`. */
  readonly name?: string
  /** Default 'lax': 'strict' refuses the session to whoever follows a link from elsewhere; 'none' is a weakening. */
  readonly sameSite?: 'lax' | 'strict' | 'none'
  /** In the frame of another site, a cookie of its own for each such site (CHIPS). Needs sameSite 'none'. Default false. */
  readonly partitioned?: boolean
  /** The cookie outlives the browser. When the session is over, the server says all the same. Default false. */
  readonly persistent?: boolean
  /** For all subdomains as well, so that each of them can read and set it: a weakening. */
  readonly domain?: string
  /**
   * What of the above is weaker than the default and wanted all the same: 'no-host-prefix', 'domain', 'same-site-none'.
   * Each that is used and not named here is refused, each that is named is warned about once.
   */
  readonly weaker?: readonly Weakening[]
}
/** A session cookie that is easier to steal or to set than it need be, in one of these ways. */
export type Weakening = 'no-host-prefix' | 'domain' | 'same-site-none'

/** How requests that change something must show that a page of this service sent them. */
export interface CsrfOptions {
  /** Origins beside the service's own whose pages may send them: 'https://app.example.com'. */
  readonly trustedOrigins?: readonly string[]
  /** Paths that need not show it, such as a webhook with a signature of its own: exact, or with a '*' at the end. */
  readonly exempt?: readonly string[]
}

/** How sessions meet the web. */
export interface WebOptions {
  readonly cookie?: CookieOptions
  readonly csrf?: CsrfOptions
  /** Requests for which this is false, such as a page that polls, do not keep a session from going idle. Default: all do. */
  readonly isActivity?: (request: WebRequest) => boolean
  /** Whether a token in `Authorization: Bearer` counts as well; for clients that are no browsers. Default false. */
  readonly bearer?: boolean
  /** How long ago somebody must have proved at most who he is to end other sessions of his. Default 10 minutes. */
  readonly recent?: DurationInput
  /** Assurance levels, the weakest first. Default: 'aal1', 'aal2', 'aal3'. */
  readonly levels?: readonly string[]
  /** What Clear-Site-Data says at a logout: '"cache"', '"storage"', ... Default: both. Empty: no such header. */
  readonly clearSiteData?: readonly ClearSiteData[]
  /** How much of a client's address is kept with a session: its network, or nothing. Default 'network'. */
  readonly address?: 'network' | 'none'
  /** Told of each weakening that is used, once. Default: `process.emitWarning`. */
  readonly onWarning?: (warning: string) => void
}
/** Quoted as they stand in the header (W3C Clear Site Data). */
export type ClearSiteData = 'cache' | 'cookies' | 'storage' | 'executionContexts' | 'clientHints'

/** The same, checked and completed. */
export interface WebSettings {
  readonly cookie: Required<Omit<CookieOptions, 'domain' | 'weaker'>> & { readonly domain: string | undefined }
  readonly trustedOrigins: ReadonlySet<string>
  readonly isExempt: (path: string) => boolean
  readonly isActivity: (request: WebRequest) => boolean
  readonly bearer: boolean
  readonly recentMs: number
  readonly levels: readonly string[]
  readonly clearSiteData: string
  readonly address: 'network' | 'none'
}

const invalid = (option: string, must: string) =>
  new InvalidOptions({ option, message: `The option ${option} must ${must}.` })

const hostPrefix = '__Host-'
/** RFC 6265bis section 5.6: a user agent may ignore a name and value that are longer. */
const nameLengthMax = 64
const known: readonly string[] = [
  'cookie', 'csrf', 'isActivity', 'bearer', 'recent', 'levels', 'clearSiteData', 'address', 'onWarning'
] satisfies ReadonlyArray<keyof WebOptions>
const knownOfCookie: readonly string[] = [
  'name', 'sameSite', 'partitioned', 'persistent', 'domain', 'weaker'
] satisfies ReadonlyArray<keyof CookieOptions>
const knownOfCsrf: readonly string[] = ['trustedOrigins', 'exempt'] satisfies ReadonlyArray<keyof CsrfOptions>

const refuseStrangers = (within: string, options: object, names: readonly string[]): void => {
  const stranger = Object.keys(options).find((name) => !names.includes(name))
  if (stranger !== undefined) throw invalid(within + stranger, `not be given: there are ${names.join(', ')}`)
}

const why: Readonly<Record<Weakening, string>> = {
  'no-host-prefix': 'its name does not begin with __Host-, so another subdomain, or a network without TLS, can set it',
  'domain': 'every subdomain can read it and set it',
  'same-site-none': 'pages of other sites send it along'
}

const checkCookie = (options: CookieOptions, warn: (warning: string) => void): WebSettings['cookie'] => {
  refuseStrangers('cookie.', options, knownOfCookie)
  const { name = '__Host-session', sameSite = 'lax', partitioned = false, persistent = false, domain, weaker = [] } = options
  if (typeof name !== 'string' || !/^[\w!#$%&'*+.^`|~-]+$/.test(name) || name.length > nameLengthMax) {
    throw invalid('cookie.name', `be a token of at most ${nameLengthMax} characters`)
  }
  if (!['lax', 'strict', 'none'].includes(sameSite)) throw invalid('cookie.sameSite', "be 'lax', 'strict' or 'none'")
  if (partitioned && sameSite !== 'none') throw invalid('cookie.partitioned', "go with sameSite 'none': it means nothing else")
  const hasPrefix = name.startsWith(hostPrefix)
  if (domain !== undefined && (hasPrefix || !/^[a-z\d-]+(?:\.[a-z\d-]+)+$/i.test(domain))) {
    throw invalid('cookie.domain', 'be a name like example.com, and go with a name that does not begin with __Host-')
  }
  const used: readonly Weakening[] = [
    ...(hasPrefix ? [] : ['no-host-prefix'] as const), ...(domain === undefined ? [] : ['domain'] as const),
    ...(sameSite === 'none' ? ['same-site-none'] as const : [])
  ]
  for (const weakening of used) {
    if (!weaker.includes(weakening)) {
      throw invalid('cookie.weaker', `name '${weakening}' if the session cookie is to be like that: ${why[weakening]}`)
    }
    warn(`The session cookie is weaker than it need be: ${why[weakening]}.`)
  }
  return { name, sameSite, partitioned, persistent, domain }
}

const originOf = (origin: unknown): string => {
  const url = typeof origin === 'string' && URL.canParse(origin) ? new URL(origin) : undefined
  if (url === undefined || url.origin !== origin || !/^https?:$/.test(url.protocol)) {
    throw invalid('csrf.trustedOrigins', "hold origins like 'https://app.example.com', with no path")
  }
  return origin
}

/** Whether a path is one of these; '/hooks/*' stands for all that begins with '/hooks/'. */
const pathsOf = (exempt: readonly string[]): WebSettings['isExempt'] => {
  if (!Array.isArray(exempt) || !exempt.every((path) => typeof path === 'string' && path.startsWith('/'))) {
    throw invalid('csrf.exempt', "hold paths that begin with '/'")
  }
  const exact = new Set(exempt.filter((path) => !path.endsWith('*')))
  const begins = exempt.filter((path) => path.endsWith('*')).map((path) => path.slice(0, -1))
  return (path) => exact.has(path) || begins.some((beginning) => path.startsWith(beginning))
}

const isLevels = (levels: unknown): boolean => Array.isArray(levels) && levels.length > 0
  && levels.every((level) => typeof level === 'string' && level !== '') && new Set(levels).size === levels.length

const clearable: readonly ClearSiteData[] = ['cache', 'cookies', 'storage', 'executionContexts', 'clientHints']

const emitWarning = (warning: string): void => { process.emitWarning(warning, 'CurfewWarning') }

/** Throws `InvalidOptions`. */
export const resolveWebOptions = (options: WebOptions = {}): WebSettings => {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'be an object')
  refuseStrangers('', options, known)
  const {
    bearer = false, recent = '10 minutes', levels = ['aal1', 'aal2', 'aal3'], clearSiteData = ['cache', 'storage'],
    address = 'network', isActivity = () => true, onWarning = emitWarning
  } = options
  const recentMs = durationMs(recent)
  if (recentMs === undefined) throw invalid('recent', "be a duration like '10 minutes'")
  if (typeof isActivity !== 'function') throw invalid('isActivity', 'be a function of the request')
  if (!isLevels(levels)) throw invalid('levels', 'be a list of different names, the weakest first')
  if (!clearSiteData.every((what) => clearable.includes(what))) {
    throw invalid('clearSiteData', `be a list of ${clearable.join(', ')}`)
  }
  if (address !== 'network' && address !== 'none') throw invalid('address', "be 'network' or 'none'")
  const { trustedOrigins = [], exempt = [] } = options.csrf ?? {}
  refuseStrangers('csrf.', options.csrf ?? {}, knownOfCsrf)
  return {
    cookie: checkCookie(options.cookie ?? {}, onWarning), trustedOrigins: new Set(trustedOrigins.map(originOf)),
    isExempt: pathsOf(exempt), isActivity, bearer, recentMs, levels,
    clearSiteData: clearSiteData.map((what) => `"${what}"`).join(', '), address
  }
}
