import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as FiberSet from 'effect/FiberSet'
import * as Layer from 'effect/Layer'
import * as Option from 'effect/Option'
import * as Schedule from 'effect/Schedule'
import type * as Scope from 'effect/Scope'
import type { Clock } from '../core/clock.ts'
import { base64url, type Digest, type Random, type SessionId } from '../core/domain/ids.ts'
import {
  type BroadcastUnavailable,
  InvalidOptions,
  type LogDamaged,
  LogUnavailable,
  type LogUnusable
} from '../core/errors.ts'
import { EventLog } from '../core/log/port.ts'
import { reaches } from '../core/log/position.ts'
import { leastRetentionMs } from '../core/log/retention.ts'
import { Barrier } from '../core/store/barrier.ts'
import { Broadcast, NodeIdentity } from '../core/store/broadcast.ts'
import { Fence } from '../core/store/fence.ts'
import type { CatchUp, Move, Parts } from '../core/store/parts.ts'
import type { IndexEvents } from '../core/store/ports.ts'
import { revoke } from '../core/store/revoke.ts'
import { makeSessions, Sessions, type SessionsShape } from '../core/store/sessions.ts'
import type { NodeOptions, Settings } from '../core/store/settings.ts'
import { resolveSettings } from '../core/store/settings.ts'
import { isSealed } from '../core/store/sealed.ts'
import { Signals } from '../core/store/signals.ts'
import { confirm } from '../core/store/tokens.ts'
import { TrustedTime } from '../core/store/trusted-time.ts'
import { Writes } from '../core/store/write.ts'
import { makeIndex } from '../projections/validity/validity.ts'
import { type Activity, startActivity } from './activity.ts'
import { startFreshness } from './freshness.ts'
import { announceNode, makeAnnouncing } from './announcing.ts'
import { startHearing } from './hearing.ts'
import { makeMembership } from './membership.ts'
import { relayAtLast, startRelay } from './relay.ts'
import { startMoving } from './moving/move.ts'
import { startSweeper } from './sweeper.ts'
import { startTail } from './tail.ts'

/** The log that the sessions of a cluster are being moved from. */
export interface MovingFrom {
  readonly log: OpenOptions['log']
  /** The fan-out of the cluster on that log: under another name than the one of the new log. */
  readonly broadcast?: NonNullable<OpenOptions['broadcast']>
}

/** What a node is made of: its log, perhaps a broadcast, and its own settings. */
export interface OpenOptions extends NodeOptions {
  /** Where the events live. */
  readonly log: Layer.Layer<EventLog, InvalidOptions | LogUnusable | LogUnavailable>
  /** The fan-out of revocations. Without one, the other nodes learn of them by the log's own tail. */
  readonly broadcast?: Layer.Layer<Broadcast, InvalidOptions | BroadcastUnavailable, NodeIdentity>
  /**
   * While `copyLog` has yet to bring all sessions over to `log`: where they are. The node serves from there, and goes
   * over to `log` by itself once it holds everything. Afterwards the option may go, at the next start.
   */
  readonly movingFrom?: MovingFrom
}

/** The outside world of a node: time and chance. */
export interface World {
  readonly clock: Clock
  readonly random: Random
}

/** Why a node does not open. */
export type OpenError = InvalidOptions | LogUnusable | LogUnavailable | LogDamaged | BroadcastUnavailable

/** The node gives up its last writes after so long when it closes. */
const closeWithin = '1 second'

const identity = ({ clock, random }: World, settings: Settings) => {
  const started = Math.floor(clock.wall()).toString(36).padStart(9, '0')
  return {
    node: settings.node ?? `node-${base64url(random(6))}`,
    incarnation: `${started}-${base64url(random(6))}`
  }
}

/** What the index tells, before there is anybody to do something about it. */
const deferredEvents = () => {
  const nothing = (): void => {}
  const events: { -readonly [K in keyof IndexEvents]: IndexEvents[K] } = {
    onPendingPresented: nothing, onReuse: nothing, onEnded: nothing, onReturn: nothing
  }
  return events
}

/**
 * A token that was replaced before it was ever presented may be held by the client itself, whom an answer never
 * reached.
 */
const isEvidence = (parts: Parts, digest: Digest): boolean => {
  const found = parts.index.find(digest)
  return found?.kind === 'previous' && !found.confirmable && parts.time.now() >= found.goodUntil
}

/** Work that a validation gives rise to: it runs beside it, one at a time for each session and kind. */
const makeChores = (parts: Parts, catchUp: CatchUp) => Effect.gen(function*() {
  const run = yield* FiberSet.makeRuntime<never>()
  const busy = new Set<string>()
  const once = (key: string, name: string, work: Effect.Effect<unknown, { readonly message: string }>): void => {
    if (busy.has(key)) return
    busy.add(key)
    run(work.pipe(
      Effect.retry(Schedule.max([Schedule.exponential('100 millis'), Schedule.recurs(5)])),
      Effect.matchEffect({
        onFailure: ({ message }) => Effect.sync(() => { parts.failures.set(name, message) }),
        onSuccess: () => Effect.sync(() => { parts.failures.delete(name) })
      }),
      Effect.ensuring(Effect.sync(() => { busy.delete(key) }))))
  }
  return {
    confirm: (session: SessionId, digest: Digest) => once(digest, 'confirm', confirm(parts, session, digest)),
    endReused: (session: SessionId, digest: Digest) => once(session, 'token-reuse', catchUp.now.pipe(
      // What this node has missed may have made the token current, and then there is no thief.
      Effect.flatMap(() => isEvidence(parts, digest)
        ? revoke(parts, catchUp, { id: session }, { reason: 'token-reuse' })
        : Effect.void)))
  }
})

/** Nobody outside can choose subjects that collide in the index: its hash is keyed anew in each process. */
const seedOf = ({ random }: World): readonly [number, number] => {
  const bytes = new DataView(random(8).slice().buffer)
  return [bytes.getUint32(0), bytes.getUint32(4)]
}

/** A log that has delivered nothing for so long does not deliver. */
const stuckAfter = '20 seconds'

const stuck = (parts: Parts): Effect.Effect<never, LogUnavailable> => Effect.suspend(() => {
  const from = parts.barrier.position()
  return Effect.delay(Effect.suspend(() => {
    if (!reaches(from, parts.barrier.position())) return stuck(parts)
    const why = parts.log.status().failure ?? parts.failures.get('tail') ?? 'it does not say why'
    return Effect.fail(new LogUnavailable({
      message: `The log says where its end is, and has delivered nothing on the way there for ${stuckAfter}: ${why}.`
    }))
  }), stuckAfter)
})

/** However long that takes, as long as it goes on: a probe of the freshness would give up on a long log. */
const replay = (parts: Parts) => Effect.flatMap(parts.log.head, (head) =>
  Effect.raceFirst(parts.barrier.reached(head), stuck(parts)))

/** A log that forgets sessions that are alive would end them at the next start. */
const retentionProblem = ({ limits, maxClockSkewMs }: Settings, retentionMs: number | null): InvalidOptions | undefined => {
  const leastMs = Math.ceil(leastRetentionMs(limits.absolute, maxClockSkewMs))
  return retentionMs === null || retentionMs >= leastMs ? undefined : new InvalidOptions({
    option: 'retention',
    message: `The log keeps its events for ${retentionMs} ms, and the absolute limit of sessions needs ${leastMs} ms: a `
      + 'tenth more than the limit, twice maxClockSkew and 10 seconds. Give the log a longer retention.'
  })
}

/** A node that runs: what it offers, and what another node of this process takes over from it. */
export interface RunningNode {
  readonly sessions: SessionsShape
  readonly parts: Parts
  readonly catchUp: CatchUp
  readonly signals: Signals
  readonly activity: Activity
}

/**
 * The last thing before it answers anybody. The end of the log was reached once, so one slow answer of it is no reason to
 * give up. On a log that goes on elsewhere it never gets fresh, and waits for that.
 */
const firstCatchUp = ({ move }: Parts, catchUp: CatchUp): Effect.Effect<void, LogUnavailable> => {
  const fresh = Effect.retry(catchUp.now, {
    while: (error) => !isSealed(error), schedule: Schedule.max([Schedule.spaced('250 millis'), Schedule.recurs(10)])
  })
  return move?.side === 'old' ? Effect.catchIf(fresh, isSealed, () => Effect.void) : fresh
}

/** Starts a node on the log that is given; `move`: the part that it plays in a move. */
export const startNode = (
  settings: Settings, world: World, move: Move | null
): Effect.Effect<RunningNode, InvalidOptions | LogUnavailable | LogDamaged, EventLog | NodeIdentity | Scope.Scope> =>
  Effect.gen(function*() {
    const log = yield* EventLog
    const tooShort = retentionProblem(settings, log.retentionMs)
    if (tooShort !== undefined) return yield* tooShort
    const { node, incarnation } = yield* NodeIdentity
    const broadcast = Option.getOrNull(yield* Effect.serviceOption(Broadcast))
    const time = new TrustedTime(world.clock)
    const events = deferredEvents()
    const index = makeIndex({ events, initialCapacity: settings.expectedSessions, seed: seedOf(world) })
    const barrier = new Barrier(index.position())
    const run = yield* FiberSet.makeRuntime<never>()
    const writes = new Writes({
      log, barrier, broadcast, time, timeoutMs: settings.writeTimeoutMs, run, index, isMoving: move?.side === 'old'
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => writes.close()))
    const parts: Parts = {
      node, incarnation, settings, random: world.random, time, log, writes, broadcast, index, barrier,
      fence: new Fence(settings.maxStalenessMs, settings.onStale),
      cluster: makeMembership({ node, incarnation }, time, settings.maxStalenessMs),
      failures: new Map(),
      evicting: new Set(),
      move
    }
    const signals = new Signals(index, time)
    yield* Effect.addFinalizer(() => Effect.sync(() => signals.close()))
    const hearing = yield* startHearing(parts)
    const announcing = makeAnnouncing(parts)
    const tail = yield* startTail(parts, [hearing.follow, announcing.follow])
    yield* announcing.start
    yield* Effect.raceFirst(replay(parts), tail.damaged)
    const catchUp = yield* startFreshness(parts)
    yield* Effect.raceFirst(firstCatchUp(parts, catchUp), tail.damaged)
    const activity = yield* startActivity(parts)
    const chores = yield* makeChores(parts, catchUp)
    events.onPendingPresented = chores.confirm
    events.onReuse = chores.endReused
    events.onEnded = (session, reason) => signals.ended(session, reason)
    events.onReturn = activity.returned
    yield* startSweeper(parts)
    yield* startRelay(parts)
    yield* Effect.addFinalizer(() => Effect.ensuring(
      relayAtLast(parts, closeWithin),
      activity.flush.pipe(
        Effect.andThen(announceNode(parts, 'leaves')), Effect.timeoutOption(closeWithin), Effect.ignore)))
    yield* Effect.addFinalizer(() => Effect.sync(() => parts.fence.distrust('the session store was closed')))
    return { sessions: makeSessions(parts, catchUp, signals), parts, catchUp, signals, activity }
  })

/**
 * The store of one node: running, and caught up with the log, when the layer is built. Closing its scope writes what is
 * left, says goodbye, and leaves no timer, socket or file handle.
 */
export const sessionsLayer = (options: OpenOptions, world: World): Layer.Layer<Sessions, OpenError> =>
  Layer.unwrap(Effect.gen(function*() {
    const settings = resolveSettings(options, ['log', 'broadcast', 'movingFrom'])
    if (settings instanceof InvalidOptions) return yield* Effect.fail(settings)
    const problem = partsProblem(options, '') ?? movingProblem(options)
    if (problem !== undefined) return yield* Effect.fail(problem)
    const self = Layer.succeed(NodeIdentity, identity(world, settings))
    const open = (side: Pick<OpenOptions, 'log' | 'broadcast'>, move: Move | null) =>
      Layer.effect(Running, startNode(settings, world, move)).pipe(on(side), Layer.provide(self))
    const { movingFrom } = options
    if (movingFrom === undefined) {
      return Layer.effect(Sessions, Effect.map(Running, ({ sessions }) => sessions)).pipe(Layer.provideMerge(open(options, null)))
    }
    return Layer.effect(Sessions, startMoving(settings, {
      openNew: (move) => Effect.map(Layer.build(open(options, move)), Context.get(Running)),
      openOld: (move) => Effect.map(Layer.build(open(movingFrom, move)), Context.get(Running))
    }))
  }))

/** The node behind a store that does not move, for who looks inside. */
export class Running extends Context.Service<Running, RunningNode>()('curfew/Running') {}

/** Gives a node its log, and its broadcast if there is one. */
const on = ({ broadcast, log }: Pick<OpenOptions, 'log' | 'broadcast'>) =>
  <A, E>(node: Layer.Layer<A, E, EventLog | NodeIdentity>): Layer.Layer<A, E | OpenError, NodeIdentity> =>
    (broadcast === undefined ? node : node.pipe(Layer.provide(broadcast))).pipe(Layer.provide(log))

const partsProblem = ({ broadcast, log }: Pick<OpenOptions, 'log' | 'broadcast'>, of: string): InvalidOptions | undefined => {
  if (!isLayer(log)) return notALayer(`${of}log`, 'sqliteLog({ path })')
  return broadcast === undefined || isLayer(broadcast)
    ? undefined
    : notALayer(`${of}broadcast`, 'natsBroadcast({ servers, cluster })')
}

const movingProblem = ({ log, movingFrom }: OpenOptions): InvalidOptions | undefined => {
  if (movingFrom === undefined) return undefined
  if (typeof movingFrom !== 'object' || movingFrom === null || movingFrom.log === log) {
    return new InvalidOptions({ option: 'movingFrom', message: 'The option movingFrom must be { log, broadcast? }, another log.' })
  }
  return partsProblem(movingFrom, 'movingFrom.')
}

/** Plain JavaScript may pass anything. Not a type guard, which would forget what the layer provides. */
const isLayer = (value: unknown): boolean => Layer.isLayer(value)

const notALayer = (option: string, like: string) =>
  new InvalidOptions({ option, message: `The option ${option} must be what ${like} returns.` })
