import type { FastifyPluginCallback, FastifyReply, FastifyRequest, preHandlerHookHandler } from 'fastify'
import type { Attributes } from '../../index.ts'
import type { Sessions } from '../../index.ts'
import { type Denial, problem, problemType } from './denial.ts'
import { denialOf } from './denied.ts'
import type { Guard } from './guards.ts'
import { worldOfWeb } from './respond.ts'
import type { WebOptions } from './options.ts'
import type { WebHeader, WebRequest } from './request.ts'
import type { RequestSession } from './request-session.ts'
import { Web } from './web.ts'

export * from './guards.ts'
export { Denied } from './denied.ts'
export type { Denial, DenialCode } from './denial.ts'
export type { ClearSiteData, CookieOptions, CsrfOptions, Weakening, WebOptions } from './options.ts'
export type { WebHeader, WebRequest } from './request.ts'
export type { DeviceEntry, LoggedOut, LoginOptions, RequestSession } from './request-session.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The session of this request, by the plugin of `fastifySessions`. */
    curfew: RequestSession
  }
}

/** As Fastify tells it; how far proxies are trusted is its own option `trustProxy`. */
const fastifyRequest = (request: FastifyRequest): WebRequest => ({
  method: request.method,
  url: request.originalUrl,
  header: (name) => {
    const value = request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  },
  secure: request.protocol === 'https',
  host: request.host,
  address: request.ip
})

const write = (reply: FastifyReply, headers: readonly WebHeader[]): void => {
  for (const { name, value, how } of headers) {
    // Fastify itself keeps those of Set-Cookie apart.
    if (how !== 'default' || !reply.hasHeader(name)) reply.header(name, value)
  }
}

const deny = (reply: FastifyReply, denial: Denial): FastifyReply => {
  write(reply, denial.headers)
  return reply.code(denial.status).header('Content-Type', problemType).header('Cache-Control', 'no-store').send(problem(denial))
}

/**
 * The plugin: gives each request its session, as `request.curfew`, once its body is read, and refuses with 403 what a foreign
 * page has sent, and with 503 whoever this node cannot know at the moment. What a route was refused by Curfew (`Denied`,
 * `LogUnavailable`) is answered as that. Throws `InvalidOptions`.
 */
export const fastifySessions = <A extends Attributes = Attributes>(
  sessions: Sessions, options?: WebOptions
): FastifyPluginCallback => {
  const web = new Web<A>(worldOfWeb(sessions), options)
  const plugin: FastifyPluginCallback = (app, _, done) => {
    app.decorateRequest('curfew')
    app.addHook('preHandler', (request, reply, next) => {
      const take = (beginning: Awaited<ReturnType<Web<A>['begin']>>): void => {
        if (!beginning.ok) {
          deny(reply, beginning.denial)
          return
        }
        request.curfew = beginning.session as unknown as RequestSession
        next()
      }
      const begun = web.begin(fastifyRequest(request), () => (request.body as { readonly _csrf?: unknown } | null)?._csrf)
      if (!(begun instanceof Promise)) return take(begun)
      const wait = async (): Promise<void> => {
        try {
          take(await begun)
        } catch (error) {
          next(error as Error)
        }
      }
      void wait()
    })
    app.addHook('onSend', (request, reply, payload, next) => {
      const session = request.curfew as RequestSession<A> | undefined
      if (session !== undefined) write(reply, web.headers(session))
      next(null, payload)
    })
    app.addHook('onError', (_request, reply, error, next) => {
      const denial = denialOf(error)
      if (denial !== undefined) write(reply, denial.headers)
      next()
    })
    done()
  }
  // As fastify-plugin does it: the hooks are for the whole app, not for a scope of their own.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true, [Symbol.for('fastify.display-name')]: 'curfew' })
}

/** A preHandler that lets a request through if the guard does, and answers it otherwise. */
export const guard = (check: Guard): preHandlerHookHandler => (request, reply, next) => {
  const denied = request.curfew.check(check)
  if (denied === null) next()
  else deny(reply, denied)
}
