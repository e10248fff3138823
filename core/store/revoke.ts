import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import { isWideRevocation, type Revocation, schemaVersion } from '../domain/events.ts'
import { isSessionId, type SessionId } from '../domain/ids.ts'
import { digestOf, isToken } from '../domain/token.ts'
import { InvalidOptions, LogUnavailable, type NotConfirmed, type NotFound } from '../errors.ts'
import type { Position } from '../log/position.ts'
import { type CatchUp, type Parts, writer } from './parts.ts'
import type { Named } from './ports.ts'
import { isSealed } from './sealed.ts'
import {
  checkOptions, invalid, readName, readOnce, readTime, type RevokeOptions, type Target, unknownKey
} from './revoke-options.ts'
import { noSuchSession, noSuchToken, sessionIdOf } from './targets.ts'

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

type Common = Pick<Revocation, 'v' | 'at' | 'by' | 'command' | 'reason' | 'actor'>
type Single = Extract<Target, { readonly token: string } | { readonly id: string }>
type Wide = Exclude<Target, Single>

/** The session as an end of it has to name it, as far as this node knows. */
const endable = (parts: Parts, target: Single): Named | 'ended' | undefined => {
  if ('id' in target) return isSessionId(target.id) ? parts.index.endable(target.id) : undefined
  if (!isToken(target.token)) return undefined
  const id = parts.index.sessionOf(digestOf(target.token))
  return id === undefined ? undefined : parts.index.endable(id)
}

/** The same, once this node has caught up. A second logout with the same token is none too many. */
const found = (parts: Parts, catchUp: CatchUp, target: Single): Effect.Effect<Named | 'ended', RevokeError> => {
  const missing = 'id' in target ? noSuchSession(target.id) : noSuchToken
  if (!('id' in target ? isSessionId(target.id) : isToken(target.token))) return Effect.fail(missing)
  return Effect.flatMap(catchUp.now, () => {
    const known = endable(parts, target)
    if (known !== undefined) return Effect.succeed(known)
    if ('id' in target) return Effect.fail(missing)
    const verdict = parts.index.check(target.token, parts.time.now(), false)
    return !verdict.ok && verdict.reason === 'ended' ? Effect.succeed('ended' as const) : Effect.fail(missing)
  })
}

/** The event that says what is asked for. Null: the session has ended already, so nothing needs saying. */
const ending = (named: Named | 'ended', common: Common): Revocation | null => named === 'ended'
  ? null
  : { type: 'SessionEnded', ...common, session: named.session, subject: named.subject, tenant: named.tenant }

const wideRevocation = (
  parts: Parts, catchUp: CatchUp, target: Wide, common: Common
): Effect.Effect<Revocation, RevokeError> => {
  const before = readTime(target.before)
  if (typeof before === 'object' && before !== null) return Effect.fail(before)
  if ('subject' in target) {
    const subject = readName('subject', target.subject)
    return typeof subject === 'string'
      ? Effect.map(exceptions(parts, catchUp, target.except), (except) =>
          ({ type: 'SubjectRevoked', ...common, subject, except, before }))
      : Effect.fail(subject)
  }
  if ('tenant' in target) {
    const tenant = readName('tenant', target.tenant)
    return typeof tenant === 'string'
      ? Effect.succeed({ type: 'TenantRevoked', ...common, tenant, before })
      : Effect.fail(tenant)
  }
  return target.all === true
    ? Effect.succeed({ type: 'AllRevoked', ...common, before })
    : Effect.fail(invalid('target', 'be { token }, { id }, { subject }, { tenant } or { all: true }'))
}

const exceptions = (
  parts: Parts, catchUp: CatchUp, except: string | readonly string[] | undefined
): Effect.Effect<readonly SessionId[], InvalidOptions | NotFound | LogUnavailable> => {
  const list = except === undefined ? [] : typeof except === 'string' ? [except] : except
  return !Array.isArray(list) || list.length > 64
    ? Effect.fail(invalid('except', 'be a session id or token, or at most 64 of them'))
    : Effect.forEach(list, (one) => sessionIdOf(parts, catchUp, 'except', one))
}

/**
 * Waits until the record of an early revocation is durable; past `writeTimeout` it is tried on in the background, if the
 * index has kept it among those that are yet to be written.
 */
const durable = (parts: Parts, event: Revocation, isKept: boolean): Effect.Effect<Position, LogUnavailable> =>
  Effect.mapError(parts.writes.append([event]), (error) => isSealed(error) ? error : notDurable(parts, error, isKept))

const notDurable = (parts: Parts, { cause }: LogUnavailable, isKept: boolean): LogUnavailable =>
  isKept
    ? new LogUnavailable({
      inForce: true,
      message: 'The revocation is in force wherever it was heard, but not durable after '
        + `${parts.settings.writeTimeoutMs} ms (option writeTimeout). Its append is retried until it stands. Look at `
        + 'health().log.',
      cause
    })
    : new LogUnavailable({
      message: 'Too many revocations wait for the log already for this one to be kept in mind. Sessions that stand here '
        + 'are ended, but its append is not retried: revoke again. Look at health().log.',
      cause
    })

const notFolded = new LogUnavailable({
  inForce: true,
  message: 'The revocation is durable and in force, but this node did not read it back in time, so it cannot say which '
    + 'nodes there are to confirm it. Look at health().'
})

const confirmed = (
  parts: Parts, event: Revocation | null, durableAt: number, calledAt: number, receipt: Receipt
): Effect.Effect<Receipt, LogUnavailable | NotConfirmed> => {
  const { position, confirmedBy: self } = receipt
  // A wide one stands in each partition: an acknowledgement of one record says nothing of the others, a position does.
  const isSpread = event === null || (position.length > 1 && isWideRevocation(event))
  // Which nodes there are is known up to where this node has folded the log, so up to the revocation at least.
  return Effect.timeoutOption(parts.barrier.reached(position), parts.settings.writeTimeoutMs).pipe(
    Effect.flatMap((folded): Effect.Effect<Receipt, LogUnavailable | NotConfirmed> => Option.isNone(folded)
      ? Effect.fail(notFolded)
      : Effect.map(parts.cluster.confirmed(isSpread ? null : event.command, position, durableAt), ({ by, at }) =>
          ({ ...receipt, confirmedBy: [...self, ...by], confirmedAfterMs: at - calledAt }))))
}

const carryOut = (
  parts: Parts, event: Revocation | null, cluster: boolean, calledAt: number
): Effect.Effect<Receipt, RevokeError> => {
  const { barrier, broadcast, index, log, node, time } = parts
  const appliedAt = barrier.position()
  if (event === null && !cluster) {
    return Effect.succeed({ position: appliedAt, ended: 0, durableAfterMs: 0, confirmedBy: [node] })
  }
  // An end that stands here already may be news to others: it is confirmed like a new one, by the log's head.
  const refusedBefore = index.notes().earlyRefused
  const ended = event === null ? 0 : index.applyEarly(event, appliedAt)
  const isKept = index.notes().earlyRefused === refusedBefore
  if (event !== null) broadcast?.publish({ kind: 'revocation', event, appliedAt, acknowledge: cluster })
  const done = Effect.flatMap(event === null ? log.head : durable(parts, event, isKept), (position) => {
    const durableAt = time.monotonic()
    const receipt = { position, ended, durableAfterMs: durableAt - calledAt, confirmedBy: [node] }
    return cluster ? confirmed(parts, event, durableAt, calledAt, receipt) : Effect.succeed(receipt)
  })
  const { move } = parts
  return event === null || move?.side !== 'old'
    ? done
    : Effect.catchIf(done, isSealed, () => carryOn(move.successor, event, cluster, calledAt, ended))
}

const notMoved = (message: string) => new LogUnavailable({
  inForce: true,
  message: `The revocation is in force wherever it was heard, and becomes durable in the log that this one moves to. ${message}`
})

/** The same event, with its command, in the log that goes on: so that it counts once, whoever else writes it there. */
const carryOn = (
  successor: Effect.Effect<Parts, LogUnavailable>, event: Revocation, cluster: boolean, calledAt: number, ended: number
): Effect.Effect<Receipt, RevokeError> => successor.pipe(
  Effect.mapError(({ message }) => notMoved(message)),
  Effect.flatMap((next) => carryOut(next, event, cluster, calledAt)),
  Effect.map((receipt) => ({ ...receipt, ended: Math.max(ended, receipt.ended) })))

/**
 * Ends sessions. In this order (I4): here, at once; on the nodes that hear the broadcast; in the log; and, if asked
 * for, surely everywhere. What ended stays ended, also when this fails with a `LogUnavailable` that is `inForce`.
 *
 * Up to the broadcast it is plain code without a detour: who revokes a session has not done so for a while, and then
 * every function on the way costs microseconds.
 */
export const revoke = (
  parts: Parts, catchUp: CatchUp, wanted: Target, given?: RevokeOptions | null
): Effect.Effect<Receipt, RevokeError> => Effect.suspend((): Effect.Effect<Receipt, RevokeError> => {
  const calledAt = parts.time.monotonic()
  if (typeof wanted !== 'object' || wanted === null) return Effect.fail(invalid('target', 'be an object'))
  const read = readOnce(wanted, given)
  if (read instanceof InvalidOptions) return Effect.fail(read)
  const { target, options } = read
  const problem = checkOptions(options) ?? unknownKey(target)
  if (problem !== undefined) return Effect.fail(problem)
  const cluster = options.confirm === 'cluster'
  const common: Common = {
    v: schemaVersion, ...writer(parts), reason: options.reason ?? ('token' in target ? 'logout' : 'revoked'),
    ...(options.by === undefined ? {} : { actor: options.by })
  }
  if (!('token' in target || 'id' in target)) {
    return Effect.flatMap(wideRevocation(parts, catchUp, target, common), (event) =>
      carryOut(parts, event, cluster, calledAt))
  }
  const known = endable(parts, target)
  return known === undefined
    ? Effect.flatMap(found(parts, catchUp, target), (named) =>
        carryOut(parts, ending(named, common), cluster, calledAt))
    : carryOut(parts, ending(known, common), cluster, calledAt)
})
