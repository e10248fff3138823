import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Schedule from 'effect/Schedule'
import * as Scope from 'effect/Scope'
import * as Stream from 'effect/Stream'
import type { Verdict } from '../../core/domain/verdict.ts'
import { LogUnavailable } from '../../core/errors.ts'
import type { StoredEvent } from '../../core/log/port.ts'
import { behindCopy } from '../../core/store/log-move.ts'
import type { Move, Parts } from '../../core/store/parts.ts'
import { isSealed } from '../../core/store/sealed.ts'
import { type Health, mayHaveChanged, type SessionsShape } from '../../core/store/sessions.ts'
import type { Settings } from '../../core/store/settings.ts'
import type { RunningNode } from '../node.ts'

/** How the two nodes are opened: each lives as long as the scope that it is opened in. */
export interface Sides<E> {
  readonly openNew: (move: Move) => Effect.Effect<RunningNode, E, Scope.Scope>
  readonly openOld: (move: Move) => Effect.Effect<RunningNode, E, Scope.Scope>
}

type NewSide = Extract<Move, { readonly side: 'new' }>
type OldSide = Extract<Move, { readonly side: 'old' }>

const inMove = { tooLate: (ms: number) => new LogUnavailable({
  message: `The sessions are being moved to another log, and this node could not go over within ${ms} ms (option writeTimeout). `
    + 'Nothing of the write stands. If the copy broke off, run it again.'
}) }

const waiting: Health['move'] = {
  state: 'waiting',
  advice: 'Serves from movingFrom. Run the copy once all nodes do; this one goes over by itself when it is finished.'
}
const moved: Health['move'] = {
  state: 'moved', advice: 'Serves from log. Leave movingFrom away at the next start, and then the old log may go.'
}

/** The log is whole, as far as everything up to its head says. */
const isWhole = ({ parts }: RunningNode): boolean => parts.index.move().copy === 'finished'

/** The node that serves, the one that is to, and how everybody who waits is told. */
class House {
  readonly old: RunningNode
  readonly next: RunningNode
  readonly #oldSide: OldSide
  readonly #newSide: NewSide
  readonly #moved: Deferred.Deferred<Parts, LogUnavailable>
  readonly #waitMs: number
  /** Calls that the old node has yet to answer. */
  #open = 0
  #onIdle: () => void = () => {}
  current: SessionsShape
  /** The hot path reads this, and nothing else. */
  validate: SessionsShape['validate']

  constructor(
    old: RunningNode, next: RunningNode, sides: { readonly old: OldSide; readonly next: NewSide },
    arrived: Deferred.Deferred<Parts, LogUnavailable>, waitMs: number
  ) {
    this.old = old
    this.next = next
    this.#oldSide = sides.old
    this.#newSide = sides.next
    this.#moved = arrived
    this.#waitMs = waitMs
    this.current = old.sessions
    this.validate = old.sessions.validate
  }

  get isMoved(): boolean {
    return this.current === this.next.sessions
  }

  /** All at once: no call falls between the two. */
  switch(): void {
    const { old, next } = this
    this.#newSide.serves = true
    const { barrier, index } = next.parts
    for (const event of old.parts.index.pendingEarly().values()) index.applyEarly(event, barrier.position())
    for (const [id, at] of old.activity.handOver()) index.see(id, at)
    next.signals.adopt(old.signals)
    this.#oldSide.handedOver = true
    this.current = next.sessions
    this.validate = next.sessions.validate
    next.activity.returned()
    Deferred.doneUnsafe(this.#moved, Exit.succeed(next.parts))
  }

  /** Once the new node serves; not for longer than a write may take. */
  readonly arrival = Effect.suspend(() => Deferred.await(this.#moved).pipe(
    Effect.timeoutOrElse({ duration: this.#waitMs, orElse: () => Effect.fail(inMove.tooLate(this.#waitMs)) })))

  /** On the node that serves; and once more on the new one if it was then that the old log was sealed. */
  call<A, E>(f: (sessions: SessionsShape) => Effect.Effect<A, E>): Effect.Effect<A, E | LogUnavailable> {
    return Effect.suspend((): Effect.Effect<A, E | LogUnavailable> => {
      if (this.isMoved) return f(this.current)
      return Effect.catchIf(this.#counted(f(this.current)), isSealed, () =>
        Effect.flatMap(this.arrival, () => f(this.next.sessions)))
    })
  }

  authenticate(token: unknown, options: Parameters<SessionsShape['authenticate']>[1]): Effect.Effect<Verdict> {
    return Effect.suspend(() => {
      if (this.isMoved) return this.current.authenticate(token, options)
      return Effect.flatMap(this.#counted(this.current.authenticate(token, options)), (verdict) =>
        !mayHaveChanged(verdict) || this.old.parts.index.move().sealedTo === null
          ? Effect.succeed(verdict)
          // Whoever is over there may know better.
          : this.arrival.pipe(
            Effect.flatMap(() => this.next.sessions.authenticate(token, options)),
            Effect.catch(() => Effect.succeed(verdict))))
    })
  }

  /** The old node has answered all that it was asked, or has had its time. */
  readonly idle = Effect.suspend(() => Effect.callback<void>((resume) => {
    if (this.#open === 0) return resume(Effect.void)
    this.#onIdle = () => resume(Effect.void)
  }).pipe(Effect.timeoutOption(this.#waitMs), Effect.asVoid))

  #counted<A, E>(call: Effect.Effect<A, E>): Effect.Effect<A, E> {
    this.#open++
    return Effect.ensuring(call, Effect.sync(() => { if (--this.#open === 0) this.#onIdle() }))
  }

  /** What is to come, over the seal. */
  live(options: Parameters<SessionsShape['events']>[0]): ReturnType<SessionsShape['events']> {
    return Stream.suspend(() => {
      const sealed = new Set<number>()
      const partitions = Math.max(1, this.old.parts.barrier.position().length)
      const upToSeals = this.old.sessions.events(options).pipe(
        Stream.filter(({ partition }: StoredEvent) => !sealed.has(partition)),
        Stream.takeUntil(({ event, partition }: StoredEvent) => {
          if (event.type === 'LogSealed') sealed.add(partition)
          return sealed.size === partitions
        }))
      const onwards = Effect.map(Deferred.await(this.#moved), ({ index }) =>
        this.next.sessions.events({ from: behindCopy(index.move()), live: true }))
      return Stream.concat(upToSeals, Stream.unwrap(onwards))
    })
  }

  sessions(): SessionsShape {
    return {
      create: (options) => this.call((at) => at.create(options)),
      validate: (token, options) => this.validate(token, options),
      authenticate: (token, options) => this.authenticate(token, options),
      rotate: (token, options) => this.call((at) => at.rotate(token, options)),
      reauthenticate: (token, options) => this.call((at) => at.reauthenticate(token, options)),
      update: (target, patch, options) => this.call((at) => at.update(target, patch, options)),
      revoke: (target, options) => this.call((at) => at.revoke(target, options)),
      get: (id) => this.current.get(id),
      list: (of) => this.current.list(of),
      events: (options) => this.isMoved || options?.live !== true ? this.current.events(options) : this.live(options),
      signal: (id) => this.current.signal(id),
      health: () => ({ ...this.current.health(), move: this.isMoved ? moved : waiting })
    }
  }
}

/** Waits until the new log is whole and this node knows all of it; then goes over, and lets go of the old log. */
const goOver = (house: House, called: () => Effect.Effect<void>, oldScope: Scope.Closeable): Effect.Effect<void> => {
  const caughtUp = house.next.catchUp.now.pipe(Effect.retry(Schedule.spaced('100 millis')), Effect.ignore)
  const round: Effect.Effect<void> = Effect.suspend(() => isWhole(house.next)
    ? Effect.flatMap(caughtUp, () => isWhole(house.next) ? Effect.sync(() => house.switch()) : round)
    : Effect.andThen(called(), round))
  return round.pipe(
    Effect.andThen(house.idle),
    Effect.andThen(Effect.ignoreCause(Scope.close(oldScope, Exit.void))))
}

/**
 * The store of a process whose sessions are moved from one log to another: two nodes, of which one serves. If the new log
 * is whole already, that one alone, whatever has become of the old log.
 */
export const startMoving = <E>(settings: Settings, { openNew, openOld }: Sides<E>): Effect.Effect<
  SessionsShape, E, Scope.Scope
> => Effect.gen(function*() {
  let wake: () => void = () => {}
  const newSide: NewSide = { side: 'new', serves: false, onHeard: () => {}, onFinished: () => wake() }
  const next = yield* openNew(newSide)
  if (isWhole(next)) {
    newSide.serves = true
    return { ...next.sessions, health: () => ({ ...next.sessions.health(), move: moved }) }
  }
  const arrived = yield* Deferred.make<Parts, LogUnavailable>()
  const standing: { house?: House } = {}
  const oldSide: OldSide = {
    side: 'old', handedOver: false, successor: Effect.suspend(() => standing.house?.arrival ?? Effect.never)
  }
  const scope = yield* Effect.scope
  const oldScope = yield* Scope.fork(scope)
  const old = yield* Scope.provide(openOld(oldSide), oldScope)
  newSide.onHeard = (event) => { old.parts.index.applyEarly(event, old.parts.barrier.position()) }
  const house = standing.house = new House(old, next, { old: oldSide, next: newSide }, arrived, settings.writeTimeoutMs)
  const called = () => Effect.callback<void>((resume) => {
    wake = () => resume(Effect.void)
    if (isWhole(next)) resume(Effect.void)
  })
  yield* Effect.forkScoped(goOver(house, called, oldScope), { startImmediately: true })
  return house.sessions()
})
