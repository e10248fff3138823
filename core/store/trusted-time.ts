import type { Clock } from '../clock.ts'

/**
 * The time that limits are judged by: the wall clock, but never behind what has passed on the monotonic clock since the
 * start. A wall clock set back cannot stretch a session (I6); one set forward by mistake and then right again leaves
 * no trace; a suspended machine, whose monotonic clock stood still, sees the wall clock's time at once.
 *
 * Reading both clocks costs as much as the rest of a lookup in memory, so the wall clock is read once in each ms of
 * monotonic time. A suspension is thus noticed within 1 ms of running on.
 */
export class TrustedTime {
  readonly #clock: Clock
  /** Wall minus monotonic, as it was at the start: the least that it may be. */
  readonly #offsetAtStart: number
  #offset: number
  #readAt: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#readAt = clock.monotonic()
    this.#offsetAtStart = clock.wall() - this.#readAt
    this.#offset = this.#offsetAtStart
  }

  monotonic(): number {
    return this.#clock.monotonic()
  }

  /** The trusted wall time at `monotonic`, a reading of this clock that was just made. */
  at(monotonic: number): number {
    if (monotonic - this.#readAt >= 1) {
      this.#readAt = monotonic
      this.#offset = Math.max(this.#offsetAtStart, this.#clock.wall() - monotonic)
    }
    return monotonic + this.#offset
  }

  now(): number {
    return Math.floor(this.at(this.#clock.monotonic()))
  }

  /** Runs `task` once, `ms` from now, and returns how to call it off. */
  schedule(ms: number, task: () => void): () => void {
    return this.#clock.schedule(ms, task)
  }

  /** How far the wall clock stands ahead of (or behind, negative) what it was at the start, by the monotonic clock. */
  drift(): number {
    return this.#clock.wall() - this.#clock.monotonic() - this.#offsetAtStart
  }
}
