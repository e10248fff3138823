import * as Effect from 'effect/Effect'
import type * as EffectClock from 'effect/Clock'
import * as Duration from 'effect/Duration'
import type { Clock } from '../../../core/clock.ts'
import type { Lane, Timeline } from './timeline.ts'

/** Where the wall clocks of all machines stand at the start, ms since 1970. */
export const startOfTime = 1_750_000_000_000

/** The clocks of one machine. They survive its processes. */
export class Machine {
  readonly #timeline: Timeline
  /** How fast its monotonic clock runs: 1 is true time. */
  readonly #rate: number
  #stoodStillMs = 0
  /** Of its wall clock: how far it is ahead of true time. */
  wallOffsetMs: number

  constructor(timeline: Timeline, rate: number, wallOffsetMs: number) {
    this.#timeline = timeline
    this.#rate = rate
    this.wallOffsetMs = wallOffsetMs
  }

  /** It was suspended for so long: its monotonic clock stood still. */
  stoodStill(ms: number): void {
    this.#stoodStillMs += ms
  }

  monotonic(): number {
    return 1_000_000 + (this.#timeline.now - this.#stoodStillMs) * this.#rate
  }

  wall(): number {
    return Math.floor(startOfTime + this.#timeline.now + this.wallOffsetMs)
  }

  /** The machine's time as a process of it sees it: the domain's clock. */
  clockOf(lane: Lane): Clock {
    return {
      monotonic: () => this.monotonic(),
      wall: () => this.wall(),
      schedule: (ms, task) => this.#timeline.after(ms / this.#rate, lane, task, true)
    }
  }

  /** The same, as Effect's own sleeps and timeouts see it. */
  effectClockOf(lane: Lane): EffectClock.Clock {
    const millis = () => this.wall()
    const nanos = () => BigInt(this.wall()) * 1_000_000n
    const monotonic = () => BigInt(Math.round(this.monotonic() * 1_000_000))
    return {
      currentTimeMillisUnsafe: millis, currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos, currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: monotonic, monotonicTimeNanos: Effect.sync(monotonic),
      sleep: (duration) => {
        const ms = Duration.toMillis(duration)
        if (!Number.isFinite(ms)) return Effect.never
        return Effect.callback<void>((resume) => {
          const cancel = this.#timeline.after(ms / this.#rate, lane, () => resume(Effect.void), true)
          return Effect.sync(cancel)
        })
      }
    }
  }
}
