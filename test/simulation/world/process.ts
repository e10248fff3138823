import * as Clock from 'effect/Clock'
import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import type * as Fiber from 'effect/Fiber'
import * as Layer from 'effect/Layer'
import * as Scheduler from 'effect/Scheduler'
import * as Scope from 'effect/Scope'
import { type OpenOptions, Running, sessionsLayer } from '../../../consumers/node.ts'
import type { Random } from '../../../core/domain/ids.ts'
import type { SessionIndex } from '../../../core/store/ports.ts'
import { Sessions, type SessionsShape } from '../../../core/store/sessions.ts'
import type { Machine } from './machine.ts'
import type { Lane, Timeline } from './timeline.ts'

/** One process of a node: the real store, whose time, chance, log and network are the simulation's. */
export class Process {
  readonly name: string
  readonly lane: Lane
  readonly #scope = Scope.makeUnsafe()
  readonly #context: Context.Context<never>
  store: SessionsShape | undefined
  /** What the store answers from. */
  index: SessionIndex | undefined

  constructor(name: string, lane: Lane, timeline: Timeline, machine: Machine) {
    this.name = name
    this.lane = lane
    const scheduler = new Scheduler.MixedScheduler('async', (task) => timeline.after(0, lane, task))
    this.#context = Context.empty().pipe(
      Context.add(Clock.Clock, machine.effectClockOf(lane)), Context.add(Scheduler.Scheduler, scheduler))
  }

  /** Opens the store; `done` is told whether it serves. */
  open(options: OpenOptions, machine: Machine, random: Random, done: (error: unknown) => void): void {
    const layer = sessionsLayer(options, { clock: machine.clockOf(this.lane), random })
    this.run(Layer.buildWithScope(layer, this.#scope), (exit) => {
      if (Exit.isSuccess(exit)) {
        this.store = Context.get(exit.value, Sessions)
        this.index = Context.getOrUndefined(exit.value, Running)?.parts.index
      }
      done(Exit.isSuccess(exit) ? null : exit.cause)
    })
  }

  /** Runs an effect as the process would; `done` is told its end, if it has one. */
  run<A, E>(effect: Effect.Effect<A, E>, done: (exit: Exit.Exit<A, E>) => void): Fiber.Fiber<A, E> {
    const fiber = Effect.runForkWith(this.#context)(effect)
    fiber.addObserver((exit) => { if (this.lane.state !== 'dead') done(exit) })
    return fiber
  }

  /** Stops in order. */
  close(done: () => void): void {
    this.run(Scope.close(this.#scope, Exit.void), () => {
      this.store = undefined
      done()
    })
  }

  /** Is gone at once: nothing that was due for it happens. */
  kill(): void {
    this.lane.state = 'dead'
    this.store = undefined
  }
}
