import * as Effect from 'effect/Effect'

/** Wakes the tails of one node. A ring that comes while a tail is busy is not lost on it: it compares counts. */
export class Bell {
  #count = 0
  readonly #waiting = new Set<() => void>()
  readonly #onWaiting: (waiting: boolean) => void

  /** `onWaiting` is told when the first tail begins to wait, and when none waits any more. */
  constructor(onWaiting: (waiting: boolean) => void = () => undefined) {
    this.#onWaiting = onWaiting
  }

  /** How often it has rung. */
  count(): number {
    return this.#count
  }

  ring(): void {
    this.#count++
    if (this.#waiting.size === 0) return
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    this.#onWaiting(false)
    for (const wake of waiting) wake()
  }

  /** Succeeds once it has rung more than `heard` times. */
  after(heard: number): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.#count > heard) return resume(Effect.void)
      const wake = () => resume(Effect.void)
      this.#waiting.add(wake)
      if (this.#waiting.size === 1) this.#onWaiting(true)
      return Effect.sync(() => {
        if (this.#waiting.delete(wake) && this.#waiting.size === 0) this.#onWaiting(false)
      })
    })
  }
}
