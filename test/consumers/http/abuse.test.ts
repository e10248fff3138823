import { connect } from 'node:net'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { memoryLog, openSessions, type Sessions } from '../../../index.ts'
import { Browser } from './browser.ts'
import { adapters, type App } from './servers.ts'

/** What no proxy and no server would let through is left to them: bare line ends and NUL. */
const character = fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f).map((code) => String.fromCharCode(code))
const headerText = (maxLength: number) => fc.string({ unit: character, maxLength, size: 'max' })

const cookieHeader = (token: string) => fc.oneof(
  headerText(300), headerText(12_000),
  fc.array(fc.oneof(
    fc.constantFrom(
      '__Host-session', `__Host-session=${token}`, '__Host-session=', `__Host-session="${token}"`, `__host-session=${token}`,
      `=__Host-session=${token}`, `__Host-session =${token}`, '__proto__=1', 'constructor=1', `__Host-session=${token}x`,
      `__Host-session=${token.slice(1)}`, '__Host-session=%00', '__Host-session=../../etc/passwd', '__Host-form=x', ';;;', '%', '='
    ),
    headerText(60)), { maxLength: 60 }).map((parts) => parts.join('; ')))

const abuse = (token: string) => fc.oneof(
  // What gets as far as to the app.
  fc.record({
    method: fc.constant('POST'), path: fc.constantFrom('/login', '/update', '/logout'),
    headers: abuseHeaders(token).map((headers) =>
      [...headers.filter(([name]) => name !== 'sec-fetch-site'), ['sec-fetch-site', 'same-origin'] as const])
  }),
  fc.record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE'),
    path: fc.constantFrom('/me', '/login', '/private', '/devices', `/me?__Host-session=${token}`, '/nothing', '/%', '//', '/me?%E0%A4%A'),
    headers: abuseHeaders(token)
  }))

const abuseHeaders = (token: string) =>
  fc.array(fc.oneof(
    cookieHeader(token).map((value) => ['cookie', value] as const),
    headerText(100).map((value) => ['authorization', `Bearer ${value}`] as const),
    headerText(700).map((value) => ['user-agent', value] as const),
    fc.constantFrom('cross-site', 'none', 'same-origin', 'x'.repeat(500), '').map((value) => ['sec-fetch-site', value] as const),
    headerText(60).map((value) => ['origin', value] as const),
    headerText(100).map((value) => ['x-csrf-token', value] as const),
    headerText(60).map((value) => ['x-forwarded-for', value] as const),
    headerText(60).map((value) => ['x-forwarded-host', value] as const)), { maxLength: 5 })

/** The answer, or what the server made of it at once; never nothing. */
const ask = (port: number, { headers, method, path }: {
  readonly headers: ReadonlyArray<readonly [string, string]>; readonly method: string; readonly path: string
}): Promise<string> => new Promise((resolve, reject) => {
  let answer = ''
  const socket = connect({ port, host: 'localhost' })
  const lines = [...headers, ['host', `localhost:${port}`], ['content-length', '0'], ['connection', 'close']]
  socket.setTimeout(10_000, () => { socket.destroy(new Error('no answer')) })
  socket.on('data', (chunk) => { answer += chunk.toString('latin1') })
  socket.on('error', reject)
  socket.on('close', () => { resolve(answer) })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.end(Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n`, 'latin1'))
})

describe.each(Object.entries(adapters))('whatever is sent to %s', (_, open) => {
  let sessions: Sessions
  let app: App
  let token: string
  beforeAll(async () => {
    sessions = await openSessions({ log: memoryLog(), node: 'app-1', maxSessionsPerSubject: 1_000 })
    app = await open(sessions, {})
    const browser = new Browser(app.url)
    await browser.post('/login')
    token = [...browser.jar.values()][0]!
  })
  afterAll(async () => {
    await app.close()
    await sessions.close()
  })

  it('is answered, never with 500, and no token is printed or given back in a body', async () => {
    const printed: unknown[] = []
    const spies = [vi.spyOn(console, 'error'), vi.spyOn(console, 'log'), vi.spyOn(console, 'warn')]
    for (const spy of spies) spy.mockImplementation((...all) => { printed.push(...all) })
    try {
      const port = Number(new URL(app.url).port)
      await fc.assert(fc.asyncProperty(abuse(token), async (request) => {
        const answer = await ask(port, request)
        const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])
        expect([200, 204, 400, 401, 403, 404, 405, 413, 415, 431]).toContain(status)
        const body = answer.slice(answer.indexOf('\r\n\r\n'))
        expect(body.replaceAll(/[\w/?=%.:-]*__Host-session=[\w-]+/g, '')).not.toContain(token)
      }), { numRuns: 150 })
      expect(printed.map(String).join('\n')).not.toContain(token)
      } finally {
      for (const spy of spies) spy.mockRestore()
    }
  }, 60_000)
})
