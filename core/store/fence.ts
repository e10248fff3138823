import type { TrustedTime } from './trusted-time.ts'

/** Two readings of time, one of each clock, made together. */
export interface Instant {
  readonly monotonic: number
  /** Trusted wall time. */
  readonly wall: number
}

/**
 * Whether this node may vouch for its index (I5). It may while its freshness is no older than `maxStaleness`, by the
 * monotonic clock and, since that one may have stood still in a suspended machine, by the wall clock too.
 */
export class Fence {
  readonly #maxStalenessMs: number
  readonly #serves: boolean
  #freshMonotonic = Number.NEGATIVE_INFINITY
  #freshWall = Number.NEGATIVE_INFINITY
  #forGood: string | null = null
  /** The reason for good, or else the one that may go again: the hot path looks at one. */
  #distrusted: string | null = null

  constructor(maxStalenessMs: number, onStale: 'refuse' | 'serve') {
    this.#maxStalenessMs = maxStalenessMs
    this.#serves = onStale === 'serve'
  }

  /** The instant at which the log's head was asked for, now that everything up to that head has been applied. */
  freshen(asked: Instant): void {
    if (asked.monotonic > this.#freshMonotonic) {
      this.#freshMonotonic = asked.monotonic
      this.#freshWall = asked.wall
    }
  }

  /** The index holds something that this node cannot read. No freshness opens the fence again. */
  distrust(reason: string): void {
    this.#forGood ??= reason
    this.#distrusted = this.#forGood
  }

  /** The index is not to be trusted for as long as this says; null: it is again. */
  hold(reason: string | null): void {
    this.#distrusted = this.#forGood ?? reason
  }

  /** The hot path: whether to refuse as `stale`. */
  refuses(monotonic: number, wall: number): boolean {
    return this.#distrusted !== null || (!this.#serves && this.isStale(monotonic, wall))
  }

  isStale(monotonic: number, wall: number): boolean {
    // "not at most" also holds for NaN: a broken clock closes the fence.
    return !(monotonic - this.#freshMonotonic <= this.#maxStalenessMs && wall - this.#freshWall <= this.#maxStalenessMs)
  }

  /** Age of the freshness in ms; Infinity before the first. */
  ageMs(now: Instant): number {
    return Math.max(now.monotonic - this.#freshMonotonic, now.wall - this.#freshWall)
  }

  /** Why `refuses` would refuse at this moment; null: it would not. */
  reason(now: Instant): string | null {
    if (this.#distrusted !== null) return this.#distrusted
    if (!this.isStale(now.monotonic, now.wall)) return null
    return this.#freshMonotonic === Number.NEGATIVE_INFINITY
      ? 'has not caught up with the log since its start'
      : `has not compared itself with the log for more than ${this.#maxStalenessMs} ms (option maxStaleness)`
  }
}

export const instant = (time: TrustedTime): Instant => {
  const monotonic = time.monotonic()
  return { monotonic, wall: time.at(monotonic) }
}
