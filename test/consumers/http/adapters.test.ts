import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSessions, memoryLog, type Sessions } from '../../../index.ts'
import { Browser } from './browser.ts'
import { adapters, type App } from './servers.ts'

describe.each(Object.entries(adapters))('sessions on %s', (_, open) => {
  let sessions: Sessions
  let app: App
  beforeAll(async () => {
    sessions = await openSessions({ log: memoryLog(), node: 'app-1', maxSessionsPerSubject: 100 })
    app = await open(sessions, {})
  })
  afterAll(async () => {
    await app.close()
    await sessions.close()
  })
  const loggedIn = async (user = 'ada'): Promise<Browser> => {
    const browser = new Browser(app.url)
    expect((await browser.post('/login', { user })).status).toBe(200)
    return browser
  }

  it('a request without a cookie has no session, and its response no cookie', async () => {
    const browser = new Browser(app.url)
    const { body, headers } = await browser.get('/me')
    expect(body).toEqual({ id: null, subject: null, attributes: null, refusal: null, level: null })
    expect(browser.given).toEqual([])
    expect(headers.get('cache-control')).toBe(null)
  })

  it('a login gives a cookie that scripts, other sites and other hosts do not get at', async () => {
    const browser = await loggedIn()
    expect(browser.given).toHaveLength(1)
    expect(browser.given[0]).toMatch(/^__Host-session=[\w-]{52}; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
    expect((await browser.get('/me')).body).toMatchObject({ subject: 'ada', level: 'aal1', refusal: null })
  })

  it('what carries a session is not to be kept by caches', async () => {
    const browser = await loggedIn()
    expect((await browser.get('/me')).headers.get('cache-control')).toBe('no-store')
    expect((await browser.get('/plain')).headers.get('cache-control')).toBe(null)
    expect((await browser.post('/login')).headers.get('cache-control')).toBe('no-store')
  })

  it('a logout ends the session everywhere, and takes the cookie and what was seen', async () => {
    const browser = await loggedIn()
    const twin = browser.twin()
    const { headers, body } = await browser.post('/logout')
    expect(body).toEqual({ ended: 1, durable: true })
    expect(headers.get('clear-site-data')).toBe('"cache", "storage"')
    expect(browser.jar.size).toBe(0)
    expect(browser.given.at(-1)).toMatch(
      /^__Host-session=; Max-Age=0; Path=\/; Expires=Thu, 01 Jan 1970 .*; HttpOnly; Secure; SameSite=Lax$/)
    expect((await twin.get('/me')).body).toMatchObject({ subject: null, refusal: 'ended' })
    expect(twin.jar.size).toBe(0)
  })

  it('a login gives a new token whatever the browser held, and ends that', async () => {
    const browser = await loggedIn()
    const twin = browser.twin()
    const before = [...browser.jar.values()]
    await browser.post('/login', { user: 'bob' })
    expect([...browser.jar.values()]).not.toEqual(before)
    expect((await browser.get('/me')).body).toMatchObject({ subject: 'bob' })
    expect((await twin.get('/me')).body).toMatchObject({ subject: null, refusal: 'ended' })
  })

  it('a visitor has a session once something is kept for him, and takes it along as he logs in', async () => {
    const browser = new Browser(app.url)
    expect((await browser.post('/update', { cart: ['tea'] })).body).toEqual({ cart: ['tea'] })
    const twin = browser.twin()
    expect((await browser.get('/me')).body).toMatchObject({ subject: null, attributes: { cart: ['tea'] } })
    expect((await browser.get('/private')).status).toBe(401)
    await browser.post('/login')
    expect((await browser.get('/me')).body).toMatchObject({ subject: 'ada', attributes: { cart: ['tea'] } })
    expect((await twin.get('/me')).body).toMatchObject({ refusal: 'ended' })
  })

  it('guards say what is missing', async () => {
    const browser = new Browser(app.url)
    expect(await browser.get('/private')).toMatchObject({ status: 401, body: { code: 'login-required' } })
    await browser.post('/login')
    expect(await browser.get('/private')).toMatchObject({ status: 200, body: { subject: 'ada' } })
    expect(await browser.get('/private/strong')).toMatchObject({ status: 401, body: { code: 'level-required' } })
    const before = [...browser.jar.values()]
    await browser.post('/step-up')
    expect([...browser.jar.values()]).not.toEqual(before)
    expect((await browser.get('/private/strong')).status).toBe(200)
    expect((await browser.get('/private/recent')).status).toBe(200)
  })

  it('a one-time value is given to one of many', async () => {
    const browser = await loggedIn()
    await browser.post('/update', { code: '123' })
    const answers = await Promise.all(Array.from({ length: 5 }, () => browser.twin().post('/consume')))
    expect(answers.map(({ body }) => (body as { value: string | null }).value).filter((value) => value !== null)).toEqual(['123'])
  })

  it('lists the devices of a person, and ends those that he does not know', async () => {
    const user = 'somebody else'
    const here = await loggedIn(user)
    const there = new Browser(app.url)
    const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:120.0) Gecko/20100101 Firefox/120.0'
    await there.post('/login', { user }, { 'user-agent': firefox })
    const { body } = await here.get('/devices')
    expect(body).toMatchObject([
      { label: 'Firefox on Windows', current: false, networkPrefix: expect.stringMatching(/^(127\.0\.0\.0\/24|::\/48)$/) as string },
      { current: true }
    ])
    const [{ id }] = body as readonly [{ readonly id: string }]
    expect((await here.post('/end-device', { id })).body).toEqual({ ended: 1, durable: true })
    expect((await there.get('/me')).body).toMatchObject({ refusal: 'ended' })
  })

  it('a page of another site has nothing done', async () => {
    const browser = await loggedIn()
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': 'none-such' }
    ]) {
      expect(await browser.post('/logout', {}, headers)).toMatchObject({ status: 403, body: { code: 'csrf' } })
      expect((await browser.get('/me', headers)).status).toBe(200)
    }
    expect((await browser.get('/me')).body).toMatchObject({ subject: 'ada' })
  })

  it('a token in another place than the cookie is none', async () => {
    const browser = await loggedIn()
    const [token] = [...browser.jar.values()]
    const other = new Browser(app.url)
    for (const headers of [
      { authorization: `Bearer ${token}` }, { 'x-session': token! }, { cookie: `session=${token}` }, { cookie: `__host-session=${token}` }
    ]) {
      expect((await other.get(`/me?__Host-session=${token}`, headers)).body).toMatchObject({ subject: null, refusal: null })
    }
  })

  it('two cookies of one name are none', async () => {
    const [a, b] = [await loggedIn(), await loggedIn()]
    const [tokens, others] = [[...a.jar.values()], [...b.jar.values()]]
    const cookie = `__Host-session=${tokens[0]}; x=1; __Host-session=${others[0]}`
    expect((await new Browser(app.url).get('/me', { cookie })).body).toMatchObject({ subject: null, refusal: 'malformed' })
  })
})
