import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Stream from 'effect/Stream'
import type { Attributes } from '../domain/events.ts'
import type { Session, Verdict } from '../domain/verdict.ts'
import { InvalidOptions, type LogDamaged, type LogUnavailable } from '../errors.ts'
import type { LogStatus, StoredEvent } from '../log/port.ts'
import { isPosition, type Position, start } from '../log/position.ts'
import type { BroadcastStatus } from './broadcast.ts'
import { create, type CreateError, type CreateOptions, type Issued } from './create.ts'
import { instant } from './fence.ts'
import type { CatchUp, Member, Parts } from './parts.ts'
import type { IndexNotes, IndexSize, SessionIndex } from './ports.ts'
import { type Receipt, revoke, type RevokeError } from './revoke.ts'
import type { RevokeOptions, Target } from './revoke-options.ts'
import type { Signals } from './signals.ts'
import {
  reauthenticate, type ReauthenticateOptions, rotate, type RotateOptions, type TokenError, update, type UpdateError,
  type UpdateOptions
} from './tokens.ts'
import { makeValidate } from './validate.ts'

/** Which part of the audit trail. */
export interface EventsOptions {
  /** Default: the start of the log. */
  readonly from?: Position
  /** Whether to go on with what is appended from now on. Default false. */
  readonly live?: boolean
}

/** What the person who is paged wants to know first. Plain values, none of them secret. */
export interface Health {
  readonly node: string
  readonly incarnation: string
  /** Up to where this node has folded the log. */
  readonly position: Position
  /** When this node last knew that it had folded everything then in the log. */
  readonly freshness: { readonly ageMs: number; readonly maxStalenessMs: number }
  /** Why this node refuses to validate; null: it validates. */
  readonly fenced: string | null
  readonly log: LogStatus
  /** null: none was given. */
  readonly broadcast: BroadcastStatus | null
  readonly sessions: IndexSize
  /** The other nodes of the cluster. */
  readonly nodes: readonly Member[]
  /** The greatest difference between this node's wall clock and another's, and whether it is past `maxClockSkew`. */
  readonly clock: { readonly skewMs: number; readonly alarm: boolean }
  /** Revocations in force here that have yet to become durable. */
  readonly revocationsPending: number
  /**
   * Whether this node moves to another log. 'waiting': it serves from `movingFrom`, until all stands in `log`. 'moved': it
   * serves from `log`. null: it was not told to. `advice` says what to do.
   */
  readonly move: { readonly state: 'waiting' | 'moved'; readonly advice: string } | null
  /** Signals that somebody holds on this node. */
  readonly signals: number
  /** Why this node may not trust its index at all, so that it is fenced for good; empty: it may. */
  readonly distrust: readonly string[]
  /** What the index passed over, refused or remembers. */
  readonly notes: IndexNotes
  /** The background work that fails at the moment: name and reason. */
  readonly failures: Readonly<Record<string, string>>
}

/** The session store of one node. */
export interface SessionsShape {
  readonly create: (options: CreateOptions) => Effect.Effect<Issued, CreateError>
  readonly validate: (token: unknown, options?: { readonly touch?: boolean }) => Verdict
  readonly authenticate: (token: unknown, options?: { readonly touch?: boolean }) => Effect.Effect<Verdict>
  readonly rotate: (token: string, options?: RotateOptions) => Effect.Effect<Issued, TokenError>
  readonly reauthenticate: (token: string, options: ReauthenticateOptions) => Effect.Effect<Issued, TokenError>
  readonly update: (
    target: string | { readonly id: string }, patch: Attributes, options?: UpdateOptions
  ) => Effect.Effect<Session, UpdateError>
  readonly revoke: (target: Target, options?: RevokeOptions) => Effect.Effect<Receipt, RevokeError>
  readonly get: (id: string) => Session | undefined
  readonly list: (of: { readonly subject: string } | { readonly tenant: string }) => readonly Session[]
  readonly events: (options?: EventsOptions) => Stream.Stream<StoredEvent, InvalidOptions | LogUnavailable | LogDamaged>
  readonly signal: (id: string) => AbortSignal
  readonly health: () => Health
}

/** The store as an Effect service. Its layers are made by `layer` of curfew/effect. */
export class Sessions extends Context.Service<Sessions, SessionsShape>()('curfew/Sessions') {}

/** What may have changed by events that this node has yet to fold. */
export const mayHaveChanged = (verdict: Verdict): boolean =>
  !verdict.ok && (verdict.reason === 'unknown' || verdict.reason === 'idle' || verdict.reason === 'stale')

const unsure: Verdict = Object.freeze({ ok: false, reason: 'stale' as const })

const makeAuthenticate = (validate: SessionsShape['validate'], catchUp: CatchUp): SessionsShape['authenticate'] =>
  (token, options) => Effect.suspend(() => {
    const verdict = validate(token, options)
    if (!mayHaveChanged(verdict)) return Effect.succeed(verdict)
    return catchUp.now.pipe(
      Effect.map(() => validate(token, options)),
      // Whoever cannot ask the log must not call a session unknown or idle: another node may know better.
      Effect.catch(() => Effect.succeed(unsure)))
  })

const health = (parts: Parts, signals: Signals): Health => {
  const now = instant(parts.time)
  const nodes = parts.cluster.others()
  const skewMs = nodes.reduce((most, { skewMs: skew }) => Math.abs(skew ?? 0) > Math.abs(most) ? skew ?? 0 : most, 0)
  return {
    node: parts.node,
    incarnation: parts.incarnation,
    position: parts.barrier.position(),
    freshness: { ageMs: parts.fence.ageMs(now), maxStalenessMs: parts.settings.maxStalenessMs },
    fenced: parts.fence.refuses(now.monotonic, now.wall) ? parts.fence.reason(now) : null,
    log: parts.log.status(),
    broadcast: parts.broadcast?.status() ?? null,
    sessions: parts.index.size(),
    nodes,
    clock: { skewMs, alarm: Math.abs(skewMs) > parts.settings.maxClockSkewMs },
    revocationsPending: parts.index.pendingEarly().size,
    move: null,
    signals: signals.size(),
    distrust: parts.index.distrust(),
    notes: parts.index.notes(),
    failures: {
      ...Object.fromEntries(parts.failures),
      ...(parts.cluster.misnamed()
        ? { node: `another process runs under the name ${parts.node}: give each its own` }
        : {})
    }
  }
}

const readEvents = (parts: Parts, options?: EventsOptions | null): ReturnType<SessionsShape['events']> => {
  const from = options?.from ?? start
  if (!isPosition(from)) {
    return Stream.fail(
      new InvalidOptions({ option: 'from', message: 'The option from must be a position of this log.' })
    )
  }
  const batches = options?.live === true ? parts.log.tail(from) : parts.log.read(from)
  return Stream.flattenIterable(batches)
}

const list = (index: SessionIndex, of: unknown, now: number): readonly Session[] => {
  if (typeof of !== 'object' || of === null) return []
  if ('subject' in of) return typeof of.subject === 'string' ? index.listBySubject(of.subject, now) : []
  return 'tenant' in of && typeof of.tenant === 'string' ? index.listByTenant(of.tenant, now) : []
}

/** The store, over parts that are running. */
export const makeSessions = (parts: Parts, catchUp: CatchUp, signals: Signals): SessionsShape => {
  const { index, time } = parts
  const validate = makeValidate(index, parts.fence, time)
  return {
    create: (options) => create(parts, catchUp, options),
    validate,
    authenticate: makeAuthenticate(validate, catchUp),
    rotate: (token, options) => rotate(parts, catchUp, token, options),
    reauthenticate: (token, options) => reauthenticate(parts, catchUp, token, options),
    update: (target, patch, options) => update(parts, catchUp, target, patch, options),
    revoke: (target, options) => revoke(parts, catchUp, target, options),
    get: (id) => index.get(id, time.now()),
    list: (of) => list(index, of, time.now()),
    events: (options) => readEvents(parts, options),
    signal: (id) => signals.signal(id),
    health: () => health(parts, signals)
  }
}
