import type { Violation } from './checker/check.ts'
import { play, type Story } from './play.ts'
import type { Step } from './steps.ts'

/** A story that breaks a promise, and no step of which can be left out. */
export interface Shrunk {
  readonly steps: readonly Step[]
  readonly violation: Violation
}

const firstThat = async (
  breaks: (steps: readonly Step[]) => Promise<Violation | undefined>, candidates: ReadonlyArray<readonly Step[]>
): Promise<Shrunk | undefined> => {
  for (const steps of candidates) {
    const violation = await breaks(steps)
    if (violation !== undefined) return { steps, violation }
  }
  return undefined
}

/** Without some steps, whose time passes all the same: what is left happens when it did. */
const waiting = (steps: readonly Step[], from: number, size: number): readonly Step[] => {
  const passed = steps.slice(from, from + size).reduce((sum, { afterMs }) => sum + afterMs, 0)
  const [next, ...rest] = steps.slice(from + size)
  return [...steps.slice(0, from), ...(next === undefined ? [] : [{ ...next, afterMs: next.afterMs + passed }, ...rest])]
}

/**
 * Leaves out steps for as long as the same promise is broken: halves first, single ones at last (delta debugging,
 * Zeller and Hildebrandt 2002). `onTry` is told the length that is left.
 */
export const shrink = async (
  story: Story, rule: string, triesMax: number, onTry: (left: number) => void = () => {}
): Promise<Shrunk | undefined> => {
  let tries = 0
  const breaks = async (steps: readonly Step[]): Promise<Violation | undefined> => {
    tries++
    return (await play({ ...story, steps })).violations.find((violation) => violation.rule === rule)
  }
  let { steps } = story
  let violation = await breaks(steps)
  if (violation === undefined) return undefined
  for (let size = Math.ceil(steps.length / 2); size >= 1 && tries < triesMax;) {
    let wasCut = false
    for (let from = 0; from < steps.length && tries < triesMax;) {
      onTry(steps.length)
      const shorter = await firstThat(breaks, [
        [...steps.slice(0, from), ...steps.slice(from + size)], waiting(steps, from, size)
      ])
      if (shorter === undefined) {
        from += size
      } else {
        ({ steps, violation } = shorter)
        wasCut = true
      }
    }
    if (size === 1 && !wasCut) break
    size = size === 1 ? 1 : Math.floor(size / 2)
  }
  return { steps, violation }
}
