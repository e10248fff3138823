/** A request, as every framework can tell of it. Nothing in it is trusted but what the framework itself vouches for. */
export interface WebRequest {
  /** In capitals. */
  readonly method: string
  /** Path and query, as asked for. */
  readonly url: string
  /** By a name in lower case. Several Cookie lines come joined by '; '. */
  readonly header: (name: string) => string | undefined
  /** Whether the client reached the service over TLS, at a proxy that the app trusts or here. */
  readonly secure: boolean
  /** Host and port that the client asked for, as far as the app trusts who says so. */
  readonly host: string | undefined
  /** The client's address, likewise. */
  readonly address: string | undefined
}

/** A header of the response that is the session's. */
export interface WebHeader {
  readonly name: string
  readonly value: string
  /** append: beside those of the same name. default: where the app has set none. */
  readonly how: 'set' | 'append' | 'default'
}

/** Methods that only ask (RFC 9110, section 9.2.1). */
export const isSafe = (method: string): boolean =>
  method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE'

/** A name that means this machine, whoever resolves it (RFC 6761, section 6.3). Browsers take it for secure. */
export const isLoopbackHost = (host: string | undefined): boolean =>
  host !== undefined && /^(?:localhost|[\w-]+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i.test(host)
