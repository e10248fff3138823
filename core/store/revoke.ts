import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import { type EndReason, isWideRevocation, millisMax, type Revocation, schemaVersion } from '../domain/events.ts'
import { nameLengthMax, type SessionId } from '../domain/ids.ts'
import { digestOf, type Token } from '../domain/token.ts'
import { InvalidOptions, LogUnavailable, type NotConfirmed, type NotFound } from '../errors.ts'
import type { Position } from '../log/position.ts'
import { type CatchUp, type Parts, writer } from './parts.ts'
import { findState, findToken, sessionIdOf } from './targets.ts'

/** What to end. `before`: only sessions that started before that time; `except`: ids or tokens that stay. */
export type Target =
  | { readonly token: string }
  | { readonly id: string }
  | { readonly subject: string; readonly except?: string | readonly string[]; readonly before?: number | Date }
  | { readonly tenant: string; readonly before?: number | Date }
  | { readonly all: true; readonly before?: number | Date }

/** durable: it stands in the log. cluster: besides, every other node has applied it, or must have fenced itself. */
export type Confirm = 'durable' | 'cluster'

/** Why, on whose order, and what to wait for. */
export interface RevokeOptions {
  /** Default: 'logout' for a token, otherwise 'revoked'. */
  readonly reason?: EndReason
  /** On whose order, where that is not the subject: for the audit trail. */
  readonly by?: string
  readonly confirm?: Confirm
}

/** What a revocation came to. Times in ms. */
export interface Receipt {
  /** A node that has applied the log up to here has applied the revocation. */
  readonly position: Position
  /** How many sessions that were live on this node it ended. 0: they had ended before, or are not known here yet. */
  readonly ended: number
  /** From the call until it was durable. */
  readonly durableAfterMs: number
  /** The nodes that have acknowledged it, this one first. */
  readonly confirmedBy: readonly string[]
  /** From the call until all had, or must have fenced themselves; only with `confirm: 'cluster'`. */
  readonly confirmedAfterMs?: number
}

export type RevokeError = InvalidOptions | NotFound | LogUnavailable | NotConfirmed

const invalid = (option: string, must: string) =>
  new InvalidOptions({ option, message: `The option ${option} must ${must}.` })

const reasons: ReadonlySet<unknown> = new Set(
  ['logout', 'revoked', 'idle', 'absolute', 'superseded', 'token-reuse', 'evicted', 'migrated'] satisfies EndReason[])

const time = (value: unknown): number | null | InvalidOptions => {
  if (value === undefined) return null
  const ms = value instanceof Date ? value.getTime() : value
  return typeof ms === 'number' && Number.isSafeInteger(ms) && ms >= 0 && ms <= millisMax
    ? ms
    : invalid('before', 'be a Date or ms since 1970')
}

const name = (option: string, value: unknown): string | InvalidOptions =>
  typeof value === 'string' && value.length >= 1 && value.length <= nameLengthMax
    ? value
    : invalid(option, `be a string of 1 to ${nameLengthMax} characters`)

const shapes = [['token'], ['id'], ['subject', 'except', 'before'], ['tenant', 'before'], ['all', 'before']] as const

/** A misspelt `except` would end more than was meant. */
const unknownKey = (target: object): InvalidOptions | undefined => {
  const shape = shapes.find(([kind]) => kind in target)
  const stranger = Object.keys(target).find((key) => !shape?.some((known) => known === key))
  return shape === undefined || stranger !== undefined
    ? invalid(stranger ?? 'target', 'not be given so: the target is { token }, { id }, { subject, except?, before? }, '
      + '{ tenant, before? } or { all: true, before? }')
    : undefined
}

/** The two reasons that the fold checks against the clock are the sweeper's to give. */
const checkOptions = (options: RevokeOptions): InvalidOptions | undefined => {
  const { reason, by, confirm } = options
  const stranger = Object.keys(options).find((key) => key !== 'reason' && key !== 'by' && key !== 'confirm')
  if (stranger !== undefined) return invalid(stranger, 'not be given: revoke takes reason, by and confirm')
  if (reason !== undefined && (!reasons.has(reason) || reason === 'idle' || reason === 'absolute')) {
    return invalid('reason', "be 'logout', 'revoked', 'superseded', 'token-reuse', 'evicted' or 'migrated'")
  }
  if (by !== undefined) {
    const actor = name('by', by)
    if (actor instanceof InvalidOptions) return actor
  }
  return confirm === undefined || confirm === 'durable' || confirm === 'cluster'
    ? undefined
    : invalid('confirm', "be 'durable' or 'cluster'")
}

/** The event that says what is asked for. Null: the session has ended already, so nothing needs saying. */
const revocation = (
  parts: Parts, catchUp: CatchUp, target: Target, options: RevokeOptions
): Effect.Effect<Revocation | null, InvalidOptions | NotFound | LogUnavailable> => Effect.gen(function*() {
  if (typeof target !== 'object' || target === null) return yield* Effect.fail(invalid('target', 'be an object'))
  const unknown = unknownKey(target)
  if (unknown !== undefined) return yield* Effect.fail(unknown)
  const common = {
    v: schemaVersion, ...writer(parts),
    reason: options.reason ?? ('token' in target ? 'logout' as const : 'revoked' as const),
    ...(options.by === undefined ? {} : { actor: options.by })
  } as const
  if ('token' in target || 'id' in target) {
    const state = 'token' in target
      ? yield* stateOfToken(parts, catchUp, target.token)
      : yield* findState(parts, catchUp, target.id)
    if (state.status === 'live') {
      return { type: 'SessionEnded', ...common, session: state.id, subject: state.subject, tenant: state.tenant }
    }
    // Ended here, but not by the log: until it is, a second call is no less in earnest than the first.
    const standing = state.id === null ? undefined : parts.index.endedEarly(state.id)
    return standing === undefined ? null : { type: 'SessionEnded', ...common, ...standing }
  }
  const before = time(target.before)
  if (before instanceof InvalidOptions) return yield* Effect.fail(before)
  if ('subject' in target) {
    const subject = name('subject', target.subject)
    if (subject instanceof InvalidOptions) return yield* Effect.fail(subject)
    const except = yield* exceptions(parts, catchUp, target.except)
    return { type: 'SubjectRevoked', ...common, subject, except, before }
  }
  if ('tenant' in target) {
    const tenant = name('tenant', target.tenant)
    if (tenant instanceof InvalidOptions) return yield* Effect.fail(tenant)
    return { type: 'TenantRevoked', ...common, tenant, before }
  }
  if (target.all === true) return { type: 'AllRevoked', ...common, before }
  return yield* Effect.fail(invalid('target', 'be { token }, { id }, { subject }, { tenant } or { all: true }'))
})

/** A second logout with the same token is none too many. */
const stateOfToken = (parts: Parts, catchUp: CatchUp, token: string) => findToken(parts, catchUp, token).pipe(
  Effect.map(({ session }) => session),
  Effect.catchTag('NotFound', (error) => {
    const verdict = parts.index.check(token, parts.time.now(), false)
    return !verdict.ok && verdict.reason === 'ended'
      ? Effect.succeed({ status: 'ended', id: parts.index.sessionOf(digestOf(token as Token)) ?? null } as const)
      : Effect.fail(error)
  }))

const exceptions = (
  parts: Parts, catchUp: CatchUp, except: string | readonly string[] | undefined
): Effect.Effect<readonly SessionId[], InvalidOptions | NotFound | LogUnavailable> => {
  const list = except === undefined ? [] : typeof except === 'string' ? [except] : except
  return !Array.isArray(list) || list.length > 64
    ? Effect.fail(invalid('except', 'be a session id or token, or at most 64 of them'))
    : Effect.forEach(list, (one) => sessionIdOf(parts, catchUp, 'except', one))
}

/** Waits until the record of an early revocation is durable; past `writeTimeout` it is tried on in the background. */
const durable = (parts: Parts, event: Revocation): Effect.Effect<Position, LogUnavailable> =>
  parts.writes.append([event]).pipe(Effect.mapError(({ cause }) => new LogUnavailable({
    message: 'The revocation is in force wherever it was heard, but not durable after '
      + `${parts.settings.writeTimeoutMs} ms (option writeTimeout). Its append is retried until it stands. Look at `
      + 'health().log.',
    cause
  })))

const notFolded = new LogUnavailable({
  message: 'The revocation is durable and in force, but this node did not read it back in time, so it cannot say which '
    + 'nodes there are to confirm it. Look at health().'
})

/**
 * Ends sessions. In this order (I4): here, at once; on the nodes that hear the broadcast; in the log; and, if asked
 * for, surely everywhere. What ended stays ended, also when this fails with `LogUnavailable`.
 */
export const revoke = (
  parts: Parts, catchUp: CatchUp, target: Target, given?: RevokeOptions | null
): Effect.Effect<Receipt, RevokeError> => Effect.gen(function*() {
  const calledAt = parts.time.monotonic()
  // Read once: what was checked is what is done.
  const options: RevokeOptions = { ...given }
  const problem = checkOptions(options)
  if (problem !== undefined) return yield* Effect.fail(problem)
  const event = yield* revocation(parts, catchUp, target, options)
  const cluster = options.confirm === 'cluster'
  if (event === null && !cluster) {
    return { position: parts.barrier.position(), ended: 0, durableAfterMs: 0, confirmedBy: [parts.node] }
  }
  // An end that stands here already may be news to others: it is confirmed like a new one, by the log's head.
  const ended = event === null ? 0 : parts.index.applyEarly(event, parts.barrier.position())
  if (event !== null) {
    parts.broadcast?.publish({
      kind: 'revocation', event, appliedAt: parts.barrier.position(), acknowledge: cluster
    })
  }
  const position = event === null ? yield* parts.log.head : yield* durable(parts, event)
  const durableAt = parts.time.monotonic()
  const folded = yield* parts.barrier.reached(position).pipe(Effect.timeoutOption(parts.settings.writeTimeoutMs))
  const receipt = { position, ended, durableAfterMs: durableAt - calledAt }
  if (!cluster) return { ...receipt, confirmedBy: [parts.node] }
  // Which nodes there are is known up to where this node has folded the log, so up to the revocation at least.
  if (Option.isNone(folded)) return yield* Effect.fail(notFolded)
  // A wide one stands in each partition: an acknowledgement of one record says nothing of the others, a position does.
  const isSpread = event === null || (position.length > 1 && isWideRevocation(event))
  const confirmation = yield* parts.cluster.confirmed(isSpread ? null : event.command, position, durableAt)
  return { ...receipt, confirmedBy: [parts.node, ...confirmation.by], confirmedAfterMs: confirmation.at - calledAt }
})
