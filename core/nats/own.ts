import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Random from 'effect/Random'
import type * as Scope from 'effect/Scope'
import { messageOf } from '../message-of.ts'
import type { Secret } from '../secret.ts'
import { attach, type Over, type User } from './attach.ts'
import type { NatsConnection } from './connection.ts'
import { type Address, addressText, knock, withTold } from './servers.ts'

/** Options of the client that are passed on to it: how to log in, TLS, and its own timing. */
export interface NatsConnectOptions {
  readonly user?: string
  readonly pass?: Secret<string>
  readonly token?: Secret<string>
  readonly authenticator?: unknown
  /** What stands in a .creds file. */
  readonly creds?: Secret<string>
  readonly tls?: { readonly [option: string]: unknown } | null
  /** The connection's name on the server. Default: 'curfew' and what it is for. */
  readonly name?: string
  /** Ms between two pings; one of the server's answers is missed `maxPingOut` times before it counts as gone. */
  readonly pingInterval?: number
  readonly maxPingOut?: number
  /** Ms that a server has to answer a dial. */
  readonly timeout?: number
  readonly [option: string]: unknown
}

/** A server that is frozen is noticed after two to three intervals: within 2.25 s. */
const pingIntervalMs = 750
const pingsOut = 2
const dialTimeoutMs = 1_500
/** Between two attempts, and as much again by chance. */
const retryAfterMs = 250
/** The most between a loss and the first attempt: by chance, so that not all nodes fall upon a server at once. */
const spreadMs = 100
/** What was published last gets so long to leave. */
const drainWithin = '500 millis'
const closeWithin = '500 millis'

const clientName = '@nats-io/transport-node'

/** Connects with the client of NATS. */
export type Connect = (options: NatsConnectOptions) => Promise<OwnConnection>
interface OwnConnection extends NatsConnection {
  readonly info?: { readonly connect_urls?: string[]; readonly tls_required?: boolean }
}

/** Why there is no client to connect with, and what to do. */
export interface NoClient {
  readonly message: string
  readonly cause: unknown
}

/** The client, loaded only now that a connection is to be made with it. `who` needs it. */
export const loadClient = (who: string): Effect.Effect<Connect, NoClient> => Effect.tryPromise({
  try: async (): Promise<Connect> => {
    const { connect, credsAuthenticator } = await import('@nats-io/transport-node')
    return ({ creds, ...options }) => {
      const login = typeof creds === 'string' ? { authenticator: credsAuthenticator(Buffer.from(creds)) } : {}
      return connect({ ...options, ...login } as Parameters<typeof connect>[0])
    }
  },
  catch: (cause) => ({
    message: isMissing(cause)
      ? `${who} needs the package ${clientName}, and it is not installed. Run: npm install ${clientName} `
        + '(or hand in a connection of your own with the option connection).'
      : `The package ${clientName} cannot be loaded: ${messageOf(cause)}`,
    cause
  })
})

const isMissing = (cause: unknown): boolean => cause instanceof Error && 'code' in cause
  && (cause.code === 'ERR_MODULE_NOT_FOUND' || cause.code === 'MODULE_NOT_FOUND') && cause.message.includes(clientName)

interface Own {
  readonly connect: Connect
  readonly servers: readonly Address[]
  readonly options: NatsConnectOptions
  /** What the connections are called where the options do not say it. */
  readonly name: string
  readonly user: User
}

/**
 * Keeps a connection until the scope closes, with a new one for each that is over. The client's own reconnecting is
 * off: it drops silently what was published in between, and waits for ever on a socket whose buffer is full.
 */
export const keepConnected = (own: Own, settled: () => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    let servers = own.servers
    while (true) {
      const learn = (told: readonly string[]): void => { servers = withTold(own.servers, told) }
      const over = yield* oneConnection(own, servers, learn, settled).pipe(
        Effect.scoped,
        Effect.catchCause((cause) => Cause.hasInterruptsOnly(cause)
          ? Effect.failCause(cause as Cause.Cause<never>)
          : Effect.succeed({ reason: reasonOf(cause), worked: false })))
      own.user.shut(null, over.reason)
      settled()
      const chance = yield* Random.next
      yield* Effect.sleep(over.worked ? spreadMs * chance : retryAfterMs * (1 + chance))
    }
  }).pipe(Effect.forkScoped({ startImmediately: true }), Effect.asVoid)

const reasonOf = (cause: Cause.Cause<{ readonly message: string }>): string => {
  const error = Cause.squash(cause)
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error)
}

/** Connects, and carries messages until the connection is over. */
const oneConnection = (
  own: Own, servers: readonly Address[], tell: (servers: readonly string[]) => void, settled: () => void
): Effect.Effect<Over, { readonly message: string }, Scope.Scope> => Effect.gen(function*() {
  const { connect, options, name, user } = own
  const timeoutMs = options.timeout ?? dialTimeoutMs
  const address = yield* knock(servers, options.tls?.['handshakeFirst'] === true, timeoutMs)
  const connection = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () => connect({
        name, pingInterval: pingIntervalMs, maxPingOut: pingsOut,
        ...options,
        timeout: timeoutMs, servers: [addressText(address)], reconnect: false, waitOnFirstConnect: false, noEcho: true
      }),
      catch: (error) => ({ message: `${addressText(address)}: ${messageOf(error)}` })
    }), hangUp)
  // With TLS a server that was only told of by its number would not have the name that its certificate is for.
  const learn = (): void => {
    const { connect_urls: told, tls_required: tls = false } = connection.info ?? {}
    if (told !== undefined && !tls && options.tls === undefined) tell(told)
  }
  learn()
  const attached = yield* Effect.acquireRelease(
    Effect.sync(() => attach(user, connection, learn)), ({ detach }) => Effect.sync(detach))
  attached.first.then(settled, settled)
  return yield* Effect.promise(() => attached.over)
})

/** Lets what was published leave, if the server takes it in time, and closes. */
const hangUp = (connection: NatsConnection): Effect.Effect<void> => {
  const within = (work: () => Promise<void>, limit: '500 millis'): Effect.Effect<void> =>
    Effect.suspend(() => connection.isClosed() ? Effect.void : Effect.tryPromise(work)).pipe(
      Effect.interruptible, Effect.timeoutOption(limit), Effect.ignoreCause)
  return within(() => connection.drain(), drainWithin).pipe(
    Effect.andThen(within(() => connection.close(), closeWithin)))
}
