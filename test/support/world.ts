import { randomBytes } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import type { World } from '../../consumers/node.ts'

/** Time that stands still until it is moved. Wall and monotonic clock move together, or apart. */
export class ManualClock implements Clock {
  #monotonic = 1_000
  #wall = 1_750_000_000_000
  readonly #timers = new Set<{ readonly at: number; readonly task: () => void }>()

  readonly monotonic = (): number => this.#monotonic
  readonly wall = (): number => this.#wall
  readonly schedule = (ms: number, task: () => void): (() => void) => {
    const timer = { at: this.#monotonic + ms, task }
    this.#timers.add(timer)
    return () => { this.#timers.delete(timer) }
  }

  /** Time passes, on both clocks; timers run when their time has come. */
  advance(ms: number): void {
    const until = this.#monotonic + ms
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#move(due.at - this.#monotonic)
      due.task()
    }
    this.#move(until - this.#monotonic)
  }

  /** Someone sets the wall clock. */
  jump(ms: number): void {
    this.#wall += ms
  }

  /** How many timers are waiting. */
  waiting(): number {
    return this.#timers.size
  }

  #move(ms: number): void {
    this.#monotonic += ms
    this.#wall += ms
  }
}

export const random: World['random'] = (bytes) => randomBytes(bytes)

/** A world whose time the test owns. */
export const manualWorld = (): World & { readonly clock: ManualClock } => ({ clock: new ManualClock(), random })
