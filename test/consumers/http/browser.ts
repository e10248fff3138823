import { connect } from 'node:net'
import { parseSetCookie, stringifyCookie } from 'cookie'

/** Asks as a browser does that keeps cookies: by name, until they are taken away. */
export class Browser {
  readonly #url: string
  readonly jar = new Map<string, string>()
  /** Every Set-Cookie that came, as it was written. */
  readonly given: string[] = []

  constructor(url: string) {
    this.#url = url
  }

  /** Another one that holds the same cookies: a second tab whose requests are under way at the same time. */
  twin(): Browser {
    const twin = new Browser(this.#url)
    for (const [name, value] of this.jar) twin.jar.set(name, value)
    return twin
  }

  async ask(
    method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}, isModern = true
  ): Promise<{ readonly status: number; readonly body: never; readonly headers: Headers }> {
    const cookie = stringifyCookie(Object.fromEntries(this.jar))
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        ...(isModern ? { 'sec-fetch-site': 'same-origin' } : {}), ...(cookie === '' ? {} : { cookie }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    for (const line of response.headers.getSetCookie()) this.#keep(line)
    const text = await response.text()
    return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as never, headers: response.headers }
  }

  /** The same without what a browser says of its own accord. */
  async bare(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) {
    const { 'sec-fetch-site': _, ...own } = { 'sec-fetch-site': '', ...headers }
    return this.ask(method, path, body, own, false)
  }

  /** By hand, with any Host. */
  async overRaw(method: string, path: string, headers: Readonly<Record<string, string>>): Promise<string> {
    const { port } = new URL(this.#url)
    const socket = connect({ port: Number(port), host: 'localhost' })
    const lines = Object.entries({ connection: 'close', 'sec-fetch-site': 'same-origin', 'content-length': '0', ...headers })
    socket.end(`${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    return answer
  }

  get = (path: string, headers?: Readonly<Record<string, string>>) => this.ask('GET', path, undefined, headers)
  post = (path: string, body: unknown = {}, headers?: Readonly<Record<string, string>>) => this.ask('POST', path, body, headers)

  #keep(line: string): void {
    this.given.push(line)
    const { name, value, maxAge } = parseSetCookie(line)
    if (maxAge === 0) this.jar.delete(name)
    else this.jar.set(name, value ?? '')
  }
}
