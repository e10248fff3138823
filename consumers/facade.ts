import * as Cause from 'effect/Cause'
import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Fiber from 'effect/Fiber'
import * as Layer from 'effect/Layer'
import * as Scope from 'effect/Scope'
import * as Stream from 'effect/Stream'
import type { Attributes } from '../core/domain/events.ts'
import type { Session, Verdict } from '../core/domain/verdict.ts'
import { Closed } from '../core/errors.ts'
import type { StoredEvent } from '../core/log/port.ts'
import type { CreateOptions, Issued } from '../core/store/create.ts'
import type { Receipt } from '../core/store/revoke.ts'
import type { RevokeOptions, Target } from '../core/store/revoke-options.ts'
import {
  type EventsOptions,
  type Health,
  mayHaveChanged,
  Sessions as SessionsService,
  type SessionsShape
} from '../core/store/sessions.ts'
import type { ReauthenticateOptions, RotateOptions, UpdateOptions } from '../core/store/tokens.ts'
import { type OpenOptions, sessionsLayer, type World } from './node.ts'

/** The session store of one node of a cluster. */
export interface Sessions extends AsyncDisposable {
  /**
   * Starts a session and gives the client's token, this once. Durable, and good on this node, when it resolves.
   * Rejects with `InvalidOptions`, `AttributesInvalid`, `AttributesTooLarge`, `TooManySessions`, `NotFound` (of
   * `continues`), `Conflict` (revoked while it started) or `LogUnavailable`.
   */
  create(options: CreateOptions): Promise<Issued>
  /** Whether the token is good now, from memory: no I/O, no promise, never throws, whatever the value. */
  validate(token: unknown, options?: { readonly touch?: boolean }): Verdict
  /**
   * The same, but asks the log first before it calls a session unknown, idle or stale. Never rejects. The verdict is of
   * the moment at which it is reached; a promise brings it a little later, and the session may end in between: that is
   * what `signal` tells.
   */
  authenticate(token: unknown, options?: { readonly touch?: boolean }): Promise<Verdict>
  /**
   * A new token for the session; the old one stays good until the new one is first presented, and `grace` more.
   * Rejects with `NotFound`, `Conflict` (another rotation came first), `InvalidOptions` or `LogUnavailable`.
   */
  rotate(token: string, options?: RotateOptions): Promise<Issued>
  /** The same after the subject has proved again who it is; only the new token has the new level. */
  reauthenticate(token: string, options: ReauthenticateOptions): Promise<Issued>
  /**
   * Merges a JSON merge patch (RFC 7396) into the attributes. Rejects with `NotFound`, `Conflict` (only with
   * `ifVersion`), `AttributesInvalid`, `AttributesTooLarge`, `InvalidOptions` or `LogUnavailable`.
   */
  update(target: string | { readonly id: string }, patch: Attributes, options?: UpdateOptions): Promise<Session>
  /**
   * Ends sessions: here at once, on the nodes that hear the broadcast within milliseconds, on all others within
   * maxStaleness. Rejects with `InvalidOptions`, `NotFound`, `NotConfirmed` or `LogUnavailable`, whose `inForce` says
   * whether the end holds already: it does, unless this node does not know the session and cannot ask the log for it.
   */
  revoke(target: Target, options?: RevokeOptions): Promise<Receipt>
  /** The live session with this id, as far as this node knows. */
  get(id: string): Session | undefined
  /** The live sessions of a subject or tenant, newest first. */
  list(of: { readonly subject: string } | { readonly tenant: string }): readonly Session[]
  /** The audit trail: what stands in the log, from a position on; with `live` also what is yet to come. */
  events(options?: EventsOptions): AsyncIterable<StoredEvent>
  /** Aborts the moment that the session ends on this node, for whatever reason; its reason is a `SessionOver`. */
  signal(id: string): AbortSignal
  health(): Health
  /**
   * Writes what is left and lets go of every timer, socket and file. May be called again. Rejects with
   * `LogUnavailable`, once all is let go, if the log did not take a revocation that was made or heard here.
   */
  close(): Promise<void>
}

/** The store over its layer, as plain functions and promises; rejections are the typed errors themselves. */
export const openFacade = async (options: OpenOptions, world: World): Promise<Sessions> => {
  const scope = Scope.makeUnsafe()
  const built = await Effect.runPromiseExit(Layer.buildWithScope(sessionsLayer(options, world), scope))
  if (Exit.isFailure(built)) {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    return Effect.runPromise(Effect.failCause(built.cause))
  }
  return facade(Context.get(built.value, SessionsService), scope)
}

const settle = <A, E>(effect: Effect.Effect<A, E>, calls: Set<Fiber.Fiber<unknown, unknown>>): Promise<A> =>
  new Promise((resolve, reject) => {
    const fiber = Effect.runFork(effect)
    calls.add(fiber)
    fiber.addObserver((exit) => {
      calls.delete(fiber)
      if (Exit.isSuccess(exit)) resolve(exit.value)
      else reject(Cause.hasInterruptsOnly(exit.cause) ? closed() : Cause.squash(exit.cause))
    })
  })

const closed = () => new Closed({ message: 'The session store was closed. Open it again to use it.' })

const facade = (store: SessionsShape, scope: Scope.Closeable): Sessions => {
  let closing: Promise<void> | undefined
  const calls = new Set<Fiber.Fiber<unknown, unknown>>()
  const run = <A, E>(effect: () => Effect.Effect<A, E>): Promise<A> =>
    closing === undefined ? settle(Effect.suspend(effect), calls) : Promise.reject(closed())
  /** What is under way ends with the node, one way or the other: nobody is left waiting. */
  const end = Effect.ensuring(Scope.close(scope, Exit.void), Effect.suspend(() => Fiber.interruptAll([...calls])))
  const close = (): Promise<void> => closing ??= Effect.runPromise(end)
  return {
    create: (options) => run(() => store.create(options)),
    validate: store.validate,
    authenticate: (token, options) => {
      const verdict = store.validate(token, options)
      // Nearly always there is nothing to wait for, and so no fiber to start.
      return mayHaveChanged(verdict)
        ? run(() => store.authenticate(token, options)).catch(() => store.validate(token, options))
        : Promise.resolve(verdict)
    },
    rotate: (token, options) => run(() => store.rotate(token, options)),
    reauthenticate: (token, options) => run(() => store.reauthenticate(token, options)),
    update: (target, patch, options) => run(() => store.update(target, patch, options)),
    revoke: (target, options) => run(() => store.revoke(target, options)),
    get: store.get,
    list: store.list,
    events: (options) => Stream.toAsyncIterable(store.events(options)),
    signal: store.signal,
    health: store.health,
    close,
    [Symbol.asyncDispose]: close
  }
}
