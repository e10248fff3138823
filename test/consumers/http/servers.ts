import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { guard as expressGuard, expressSessions, sessionErrors } from '../../../consumers/http/express.ts'
import { fastifySessions, guard as fastifyGuard } from '../../../consumers/http/fastify.ts'
import { fetchSessions } from '../../../consumers/http/fetch.ts'
import { requireLevel, requireRecent, requireSession } from '../../../consumers/http/guards.ts'
import { deny, nodeSessions } from '../../../consumers/http/node.ts'
import type { WebOptions } from '../../../consumers/http/options.ts'
import type { RequestSession } from '../../../consumers/http/request-session.ts'
import type { Sessions } from '../../../consumers/facade.ts'

/** An app on a port of its own, for the tests of one adapter. */
export interface App {
  readonly url: string
  readonly close: () => Promise<void>
}

/** What every app of the tests does: the same routes, the same answers. */
interface Answer {
  readonly status: number
  readonly body: unknown
}
type Deed = (session: RequestSession, body: Readonly<Record<string, unknown>>) => Promise<Answer> | Answer

const ok = (body: unknown = {}): Answer => ({ status: 200, body })

const text = (value: unknown): string => typeof value === 'string' ? value : ''

/** By method and path. Those of /private are behind a guard. */
export const deeds: Readonly<Record<string, Deed>> = {
  'GET /plain': () => ok(),
  'GET /me': ({ refusal, session }) => ok({
    id: session?.id ?? null, subject: session?.subject ?? null, attributes: session?.attributes ?? null, refusal,
    level: session?.authentication.level ?? null
  }),
  'POST /login': async (web, body) => {
    const session = await web.login({ subject: text(body['user']) || 'ada', authentication: { level: 'aal1', methods: ['password'] } })
    return ok({ id: session.id })
  },
  'POST /logout': async (web, body) => ok(await web.logout({ everywhere: body['everywhere'] === true })),
  'POST /step-up': async (web) => ok({ level: (await web.reauthenticate({ level: 'aal2', methods: ['otp'] })).authentication.level }),
  'POST /update': async (web, body) => ok((await web.update(body as never)).attributes),
  'POST /consume': async (web) => ok({ value: await web.consume('code') ?? null }),
  'GET /devices': (web) => ok(web.devices()),
  'POST /end-device': async (web, body) => ok(await web.endDevice(text(body['id']))),
  'POST /end-others': async (web) => ok(await web.endOtherDevices()),
  'GET /csrf': (web) => ok({ word: web.csrfToken() }),
  'GET /private': (web) => ok({ subject: web.session!.subject }),
  'GET /private/strong': () => ok(),
  'GET /private/recent': () => ok()
}
const guards = {
  '/private': requireSession(), '/private/strong': requireLevel('aal2'), '/private/recent': requireRecent('1 second')
} as const
const guardOf = (path: string) => Object.hasOwn(guards, path) ? guards[path as keyof typeof guards] : undefined
const routes = Object.entries(deeds).map(([route, deed]) => {
  const [method = '', path = ''] = route.split(' ')
  return { method: method.toLowerCase() as 'get' | 'post', path, deed, check: guardOf(path) }
})

const portOf = (address: unknown): string => `http://localhost:${(address as AddressInfo).port}`

const readJson = async (chunks: AsyncIterable<unknown>): Promise<Readonly<Record<string, unknown>>> => {
  let all = ''
  for await (const chunk of chunks) all += String(chunk)
  return all === '' ? {} : JSON.parse(all) as Readonly<Record<string, unknown>>
}

const onNode = async (sessions: Sessions, options: WebOptions): Promise<App> => {
  const web = nodeSessions(sessions, options)
  const server = createServer(web.handler(async (request, response, session) => {
    const path = (request.url ?? '').split('?', 1)[0]!
    const found = routes.find((route) => route.path === path && route.method.toUpperCase() === request.method)
    const body = await readJson(request)
    if (found === undefined) return response.writeHead(404).end()
    const denied = found.check === undefined ? null : session.check(found.check)
    if (denied !== null) return deny(response, denied)
    const answer = await found.deed(session, body)
    return response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer.body))
  }))
  await once(server.listen(0, 'localhost'), 'listening')
  return {
    url: portOf(server.address()),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
}

const onExpress = async (sessions: Sessions, options: WebOptions): Promise<App> => {
  const app = express()
  app.use(express.json(), express.urlencoded({ extended: false }), expressSessions(sessions, options))
  for (const { method, path, deed, check } of routes) {
    const guards = check === undefined ? [] : [expressGuard(check)]
    app[method](path, ...guards, async (request, response) => {
      const answer = await deed(request.curfew, (request.body ?? {}) as Readonly<Record<string, unknown>>)
      response.status(answer.status).json(answer.body)
    })
  }
  app.use(sessionErrors())
  const server = app.listen(0, 'localhost')
  await once(server, 'listening')
  return {
    url: portOf(server.address()),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
}

const onFastify = async (sessions: Sessions, options: WebOptions): Promise<App> => {
  const app = Fastify({ forceCloseConnections: true })
  await app.register(fastifySessions(sessions, options))
  for (const { method, path, deed, check } of routes) {
    app.route({
      method, url: path, ...(check === undefined ? {} : { preHandler: fastifyGuard(check) }),
      handler: async (request, reply) => {
        const answer = await deed(request.curfew, (request.body ?? {}) as Readonly<Record<string, unknown>>)
        return reply.code(answer.status).send(answer.body)
      }
    })
  }
  await app.listen({ port: 0, host: 'localhost' })
  return { url: portOf(app.server.address()), close: () => app.close() }
}

/** Hono, and below it a bridge of ours from node:http, for Hono brings none. */
const onFetch = async (sessions: Sessions, options: WebOptions): Promise<App> => {
  const web = fetchSessions(sessions, options)
  const app = new Hono<{ Bindings: { readonly session: RequestSession } }>()
  for (const { method, path, deed, check } of routes) {
    app.on(method.toUpperCase(), path, async (context) => {
      const { session } = context.env
      const denied = check === undefined ? null : session.check(check)
      if (denied !== null) return context.json({ code: denied.code }, denied.status)
      const body = await context.req.text()
      const answer = await deed(session, body === '' ? {} : JSON.parse(body) as Readonly<Record<string, unknown>>)
      return context.json(answer.body as object, answer.status as 200)
    })
  }
  app.onError((error) => { throw error })
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const headers = new Headers()
      for (const [name, value] of Object.entries(request.headersDistinct)) for (const one of value ?? []) headers.append(name, one)
      const hasBody = request.method !== 'GET' && request.method !== 'HEAD'
      const asked = new Request(`http://${request.headers.host ?? 'localhost'}${request.url ?? '/'}`, {
        method: request.method ?? 'GET', headers, ...(hasBody ? { body: Buffer.concat(chunks) } : {})
      })
      const given = await web.handle(asked, (session) => app.fetch(asked, { session }), { address: request.socket.remoteAddress ?? '' })
      for (const [name, value] of given.headers) if (name !== 'set-cookie') response.setHeader(name, value)
      response.setHeader('set-cookie', given.headers.getSetCookie())
      response.writeHead(given.status).end(Buffer.from(await given.arrayBuffer()))
    }
    answer().catch((error: unknown) => { response.writeHead(500).end(String(error)) })
  })
  await once(server.listen(0, 'localhost'), 'listening')
  return {
    url: portOf(server.address()),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
}

/** The same app on every adapter. */
export const adapters: Readonly<Record<string, (sessions: Sessions, options: WebOptions) => Promise<App>>> = {
  node: onNode, express: onExpress, fastify: onFastify, 'fetch (Hono)': onFetch
}
