/**
 * The one place where time comes in. Everything else is given a `Clock`, so that a simulator can own time.
 */
export interface Clock {
  /** Monotonic, ms from some origin; never goes back, may stand still while the machine is suspended. */
  readonly monotonic: () => number
  /** Wall clock, ms since 1970; may jump either way. */
  readonly wall: () => number
  /** Runs `task` once, `ms` from now, and returns how to call it off. Does not keep the process alive. */
  readonly schedule: (ms: number, task: () => void) => () => void
}

/** The longest delay that a timer of Node takes. */
const delayMsMax = 2_147_483_647

const { hrtime } = process

export const systemClock: Clock = {
  monotonic: () => {
    const [seconds, nanoseconds] = hrtime()
    return seconds * 1_000 + nanoseconds / 1_000_000
  },
  wall: () => Date.now(),
  schedule: (ms, task) => {
    const timer = setTimeout(task, Math.min(Math.max(0, ms), delayMsMax))
    timer.unref()
    return () => clearTimeout(timer)
  }
}
