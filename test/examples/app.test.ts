import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { openFacade } from '../../consumers/facade.ts'
import { memoryLog } from '../../core/log/memory.ts'
import { app } from '../../examples/cluster/app.ts'
import { manualWorld } from '../support/world.ts'

const closing: Array<() => unknown> = []
afterEach(async () => { for (const close of closing.splice(0).reverse()) await close() })

/** The example app on a port of its own, and a browser that keeps its cookie. */
const open = async () => {
  const world = manualWorld()
  const sessions = await openFacade(
    { log: memoryLog(), node: 'a', onStale: 'serve', limits: { renew: '1 minute' } }, world)
  closing.push(() => sessions.close())
  const server = createServer(app(sessions)).listen(0, '127.0.0.1')
  closing.push(() => { server.closeAllConnections(); server.close() })
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let cookie = ''
  const send = async (method: string, path: string, body?: object) => {
    const response = await fetch(origin + path, {
      method, headers: { cookie, origin }, ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    return { status: response.status, set: response.headers.get('set-cookie'), body: await response.json() as object }
  }
  const keep = (set: string | null) => { if (set !== null) cookie = set.slice(0, set.indexOf(';')) }
  return { sessions, clock: world.clock, send, keep }
}

describe('the app of the example', () => {
  it('logs in who is logged in already, and ends what the browser held', async () => {
    const { keep, send, sessions } = await open()
    for (let i = 0; i < 2; i++) {
      const login = await send('POST', '/login', { name: 'ada' })
      expect(login.status, JSON.stringify(login.body)).toBe(200)
      keep(login.set)
      expect((await send('GET', '/me')).status).toBe(200)
      expect(sessions.list({ subject: 'ada' })).toHaveLength(1)
    }
  })

  it('renews the token for one of parallel requests, and refuses none', async () => {
    const { clock, keep, send } = await open()
    keep((await send('POST', '/login', { name: 'ada' })).set)
    clock.advance(61_000)
    const answers = await Promise.all(Array.from({ length: 4 }, () => send('GET', '/me')))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    const renewed = answers.flatMap(({ set }) => set ?? [])
    expect(renewed).toHaveLength(1)
    keep(renewed[0]!)
    expect((await send('GET', '/me')).status).toBe(200)
  })
})
