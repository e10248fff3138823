import { LogUnavailable } from '../../core/errors.ts'
import type { LogNode } from './log-node.ts'
import { eventOf } from './sample-events.ts'

/** Appends one event after the other, each until it stands, as a node does: the same one again, however it failed. */
export interface Appender {
  /** The commands that were acknowledged, in order. */
  readonly acknowledged: readonly string[]
  /** How often an append failed. */
  readonly failures: () => number
  /** Resolves when the event that is under way stands. */
  readonly stop: () => Promise<void>
}

export const startAppending = (node: LogNode, prefix: string): Appender => {
  const acknowledged: string[] = []
  let failures = 0
  let stopped = false
  const appendUntilItStands = async (command: string): Promise<void> => {
    for (;;) {
      try {
        await node.append(eventOf('ann', command))
        return
      } catch (error) {
        if (!(error instanceof LogUnavailable)) throw error
        failures++
        await new Promise((resolve) => { setTimeout(resolve, 20) })
      }
    }
  }
  const run = async (): Promise<void> => {
    for (let i = 0; !stopped; i++) {
      await appendUntilItStands(`${prefix}${i}`)
      acknowledged.push(`${prefix}${i}`)
    }
  }
  const done = run()
  return {
    acknowledged,
    failures: () => failures,
    stop: () => {
      stopped = true
      return done
    }
  }
}
