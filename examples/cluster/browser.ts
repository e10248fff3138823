import { parseSetCookie, stringifyCookie } from 'cookie'
import { Agent, request } from 'node:http'
import type { LoggedIn, LoggedOut } from './app.ts'
import type { ClusterNode } from './cluster.ts'
import { machineMs } from './machine-clock.ts'

const agent = new Agent({ keepAlive: true })

export interface Page {
  readonly status: number
  readonly body: unknown
  /** The cookies that the answer sets, as they came. */
  readonly setCookie: readonly string[]
}

export interface PageRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly cookie?: string | undefined
  readonly body?: object | undefined
  readonly signal?: AbortSignal
}

export const fetchPage = (
  port: number, { body, cookie, ...options }: PageRequest
): Promise<Page> => new Promise((resolve, reject) => {
  const headers = {
    ...(cookie === undefined ? {} : { cookie }), ...(body === undefined ? {} : { 'content-type': 'application/json' })
  }
  const call = request({ agent, host: '127.0.0.1', port, headers, ...options }, (response) => {
    let text = ''
    response.setEncoding('utf8')
      .on('data', (chunk: string) => text += chunk)
      .on('error', reject)
      .on('end', () => resolve({
        status: response.statusCode ?? 0, body: JSON.parse(text), setCookie: response.headers['set-cookie'] ?? []
      }))
  })
  call.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body))
})

const unexpected = (node: ClusterNode, what: string, page: Page): Error =>
  new Error(`${node.name} answered ${what} with ${page.status} ${JSON.stringify(page.body)}`)

/** One person at one device: requests to whichever node, with one cookie jar. */
export class Browser {
  readonly name: string
  readonly #device: string
  #token: string | undefined

  constructor(name: string, device: string) {
    this.name = name
    this.#device = device
  }

  /** What the cookie holds; after a logout still the old token, so that it can be tried again. */
  get token(): string {
    if (this.#token === undefined) throw new Error(`${this.name} has not logged in`)
    return this.#token
  }

  /** `sentAt`: when the request was sent, by the machine's clock: the verdict was asked for after that. */
  async me(node: ClusterNode): Promise<{ readonly ok: boolean; readonly reason: string; readonly sentAt: number }> {
    const sentAt = machineMs()
    const page = await this.#go(node, 'GET', '/me')
    if (page.status === 200) return { ok: true, reason: 'ok', sentAt }
    if (page.status !== 401) throw unexpected(node, 'GET /me', page)
    return { ok: false, reason: (page.body as { reason: string }).reason, sentAt }
  }

  async login(node: ClusterNode): Promise<LoggedIn> {
    const page = await this.#go(node, 'POST', '/login', { name: this.name, device: this.#device })
    if (page.status !== 200) throw unexpected(node, 'POST /login', page)
    return page.body as LoggedIn
  }

  /** `path` chooses what ends: this session, or all of this person. */
  async logout(
    node: ClusterNode, path: '/logout' | '/logout-everywhere', confirm: 'durable' | 'cluster' = 'durable'
  ): Promise<LoggedOut> {
    const page = await this.#go(node, 'POST', path, { confirm })
    if (page.status !== 200) throw unexpected(node, `POST ${path}`, page)
    return page.body as LoggedOut
  }

  async #go(node: ClusterNode, method: 'GET' | 'POST', path: string, body?: object): Promise<Page> {
    const cookie = this.#token === undefined ? undefined : stringifyCookie({ session: this.#token })
    const page = await fetchPage(node.port, { method, path, cookie, body })
    for (const one of page.setCookie) {
      const { value } = parseSetCookie(one)
      if (value) this.#token = value
    }
    return page
  }
}
