import { afterEach, describe, expect, it } from 'vitest'
import { csrfWord, isCsrfWord } from '../../../consumers/http/csrf.ts'
import { networkOf, labelOf } from '../../../consumers/http/device.ts'
import { cookieValue } from '../../../consumers/http/cookie.ts'
import { resolveWebOptions, type WebOptions } from '../../../consumers/http/options.ts'
import { openFacade } from '../../../consumers/facade.ts'
import { InvalidOptions, memoryLog, openSessions, type Sessions } from '../../../index.ts'
import { faultyLog, noFaults } from '../../support/faulty-log.ts'
import { until } from '../../support/until.ts'
import { manualWorld, random } from '../../support/world.ts'
import { Browser } from './browser.ts'
import { adapters, type App } from './servers.ts'

const atEnd: Array<() => Promise<unknown>> = []
afterEach(async () => { for (const end of atEnd.splice(0).reverse()) await end() })
const serve = async (sessions: Sessions, options: WebOptions = {}, adapter = 'node'): Promise<App> => {
  const app = await adapters[adapter]!(sessions, options)
  atEnd.push(() => sessions.close(), () => app.close())
  return app
}
const open = () => openSessions({ log: memoryLog(), node: 'app-1', maxSessionsPerSubject: 100 })

describe.each(Object.keys(adapters))('on %s', (adapter) => {
  it('a browser that says nothing of where it comes from needs a word', async () => {
    const app = await serve(await open(), {}, adapter)
    const browser = new Browser(app.url)
    await browser.post('/login')
    const ask = (headers: Readonly<Record<string, string>>) => browser.bare('POST', '/update', { a: 1 }, headers)
    expect((await ask({})).status).toBe(403)
    expect((await ask({ 'x-csrf-token': 'x'.repeat(64) })).status).toBe(403)
    const { body: { word } } = await browser.bare('GET', '/csrf') as { readonly body: { readonly word: string } }
    expect((await ask({ 'x-csrf-token': word })).status).toBe(200)
    expect((await ask({ 'x-csrf-token': word, origin: 'https://evil.example' })).status).toBe(403)
    // Another session's word is none.
    const other = new Browser(app.url)
    await other.post('/login')
    const { body } = await other.bare('GET', '/csrf')
    expect((await ask({ 'x-csrf-token': (body as { readonly word: string }).word })).status).toBe(403)
  })

  it('nobody is logged in from a foreign page', async () => {
    const app = await serve(await open(), {}, adapter)
    const browser = new Browser(app.url)
    expect((await browser.post('/login', {}, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    browser.jar.set('other', '1')
    expect((await browser.bare('POST', '/login', {})).status).toBe(403)
    const { body: { word } } = await browser.bare('GET', '/csrf') as { readonly body: { readonly word: string } }
    expect((await browser.bare('POST', '/login', {}, { 'x-csrf-token': word })).status).toBe(200)
    // Nothing at all was sent along: that is no browser.
    expect((await new Browser(app.url).bare('POST', '/login', {})).status).toBe(200)
  })

  it('a token that is due is renewed, and a parallel request with the old one is served', async () => {
    const sessions = await openSessions({ log: memoryLog(), node: 'app-1', limits: { renew: '1 second' } })
    const app = await serve(sessions, {}, adapter)
    const browser = new Browser(app.url)
    await browser.post('/login')
    const [before] = [...browser.jar.values()]
    await until('it is due', () => {
      const verdict = sessions.validate(before, { touch: false })
      return verdict.ok && verdict.renew === true
    })
    const twin = browser.twin()
    const [one, other] = await Promise.all([browser.get('/me'), twin.get('/me')])
    expect([one.status, other.status]).toEqual([200, 200])
    const given = [...browser.given.slice(1), ...twin.given]
    expect(given.length).toBeGreaterThan(0)
    expect(given.every((line) => !line.includes(before!))).toBe(true)
    for (const tab of [browser, twin]) expect((await tab.get('/me')).body).toMatchObject({ subject: 'ada' })
  })

  it('a node that cannot know says so, and leaves the cookie alone', async () => {
    const faults = noFaults()
    const world = manualWorld()
    const sessions = await openFacade({ log: faultyLog(memoryLog(), faults), node: 'app-1', maxStaleness: '5 seconds' }, world)
    const app = await serve(sessions, {}, adapter)
    const browser = new Browser(app.url)
    await browser.post('/login')
    faults.head = 'fail'
    world.clock.advance(6_000)
    const { body, headers, status } = await browser.get('/me')
    expect([status, body, headers.get('retry-after')]).toEqual([503, expect.objectContaining({ code: 'unavailable' }), '2'])
    expect(browser.given).toHaveLength(1)
    // Whoever has no session is served.
    expect((await new Browser(app.url).get('/me')).status).toBe(200)
    faults.head = 'ok'
    await until('it knows again', async () => (await browser.get('/me')).status === 200)
    faults.append = 'fail'
  })

  it('without TLS there are no sessions, but on this very machine', async () => {
    const app = await serve(await open(), {}, adapter)
    const browser = new Browser(app.url)
    const host = { host: 'shop.example.com' }
    expect(await browser.overRaw('POST', '/login', host)).toContain('403')
    await browser.post('/login')
    expect(await browser.overRaw('GET', '/me', { ...host, cookie: `__Host-session=${[...browser.jar.values()][0]!}` }))
      .toContain('"subject":null')
  })
})

describe('the cookie', () => {
  const given = async (cookie: WebOptions['cookie']): Promise<string> => {
    const app = await serve(await open(), { cookie: cookie!, onWarning: () => {} })
    const browser = new Browser(app.url)
    await browser.post('/login')
    return browser.given[0]!.replace(/[\w-]{52}/, 'TOKEN')
  }
  it.each<[NonNullable<WebOptions['cookie']>, string]>([
    [{ sameSite: 'strict' }, '__Host-session=TOKEN; Path=/; HttpOnly; Secure; SameSite=Strict'],
    [{ persistent: true }, '__Host-session=TOKEN; Max-Age=34560000; Path=/; HttpOnly; Secure; SameSite=Lax'],
    [{ sameSite: 'none', partitioned: true, weaker: ['same-site-none'] },
      '__Host-session=TOKEN; Path=/; HttpOnly; Secure; Partitioned; SameSite=None'],
    [{ name: 'sid', domain: 'example.com', weaker: ['no-host-prefix', 'domain'] },
      'sid=TOKEN; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax']
  ])('%o', async (cookie, expected) => {
    expect(await given(cookie)).toBe(expected)
  })

  it.each<[string, WebOptions]>([
    ['cookie.weaker', { cookie: { name: 'sid' } }], ['cookie.weaker', { cookie: { sameSite: 'none' } }],
    ['cookie.domain', { cookie: { domain: 'example.com' } }], ['cookie.name', { cookie: { name: 'a b' } }],
    ['cookie.partitioned', { cookie: { partitioned: true } }], ['cookie.secure', { cookie: { secure: false } as never }],
    ['csrf.trustedOrigins', { csrf: { trustedOrigins: ['https://a.example/x'] } }], ['csrf.exempt', { csrf: { exempt: ['hooks'] } }],
    ['levels', { levels: [] }], ['recent', { recent: 'soon' as never }], ['clearSiteData', { clearSiteData: ['all' as never] }],
    ['nonsense', { nonsense: 1 } as never]
  ])('%s is named where it is wrong', (option, options) => {
    expect(() => resolveWebOptions(options)).toThrowError(expect.objectContaining({ option }))
    expect(() => resolveWebOptions(options)).toThrowError(InvalidOptions)
  })

  it('that is weaker is warned about once for each way', () => {
    const warnings: string[] = []
    resolveWebOptions({
      cookie: { name: 'sid', domain: 'example.com', weaker: ['no-host-prefix', 'domain'] }, onWarning: (text) => { warnings.push(text) }
    })
    expect(warnings).toHaveLength(2)
  })

  it('is found by its very name, once', () => {
    expect(cookieValue(undefined, 'a')).toBe(undefined)
    expect(cookieValue('b=1', 'a')).toBe(undefined)
    expect(cookieValue('ba=1; a=2', 'a')).toBe('2')
    expect(cookieValue('A=1', 'a')).toBe(undefined)
    expect(cookieValue('a=1; a=1', 'a')).toBe('1')
    expect(cookieValue('a=1; a=2', 'a')).toBe('')
    expect(cookieValue('=a=1', 'a')).toBe(undefined)
  })
})

describe('a session that ends while it is asked for', () => {
  it('is not given a cookie', async () => {
    const sessions = await open()
    const app = await serve(sessions)
    const browser = new Browser(app.url)
    const before = sessions.create
    sessions.create = async (options) => {
      const issued = await before(options)
      await sessions.revoke({ subject: 'ada' })
      return issued
    }
    expect((await browser.post('/login')).status).toBe(200)
    expect(browser.given).toEqual([])
  })
})

describe('words, labels and networks', () => {
  it('a word is of one secret, and another each time', () => {
    const [one, other] = [csrfWord('secret', random), csrfWord('secret', random)]
    expect(one).not.toBe(other)
    for (const word of [one, other]) expect([isCsrfWord(word, 'secret'), isCsrfWord(word, 'secres')]).toEqual([true, false])
    for (const word of [undefined, null, 5, '', 'x', [one], `${one}=`, one.slice(1)]) expect(isCsrfWord(word, 'secret')).toBe(false)
  })

  it('a network is enough to tell a place', () => {
    expect(networkOf('203.0.113.77')).toBe('203.0.113.0/24')
    expect(networkOf('::ffff:203.0.113.77')).toBe('203.0.113.0/24')
    expect(networkOf('2001:db8:1234:5678::1')).toBe('2001:db8:1234::/48')
    for (const none of [undefined, '', 'x', '1.2.3', '999.1.1.1']) expect(networkOf(none)).toBe(undefined)
    expect(labelOf('')).toBe(undefined)
    expect(labelOf('curl/8.5.0')?.length ?? 0).toBeLessThan(129)
  })
})
