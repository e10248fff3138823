import type { Sample } from './soak.ts'

/** A figure of every sample, and whether it stays what it is. */
export interface Course {
  readonly name: string
  readonly unit: 'MB' | ''
  readonly early: number
  readonly late: number
  readonly isFlat: boolean
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

/** The seasons in which everything is loaded, compiled and grown to its size; the log, too, which is pruned by then. */
const warmSeasons = 5
/** Fewer samples behind them say nothing. */
export const samplesMin = warmSeasons + 6

/** So much more in the last third than in the first is noise. */
const courses: ReadonlyArray<readonly [name: string, unit: Course['unit'], of: (sample: Sample) => number, share: number, more: number]> = [
  ['memory', 'MB', ({ memoryBytes }) => memoryBytes / 1e6, 0.05, 0.5],
  ['resident memory', 'MB', ({ rssBytes }) => rssBytes / 1e6, 0.1, 8],
  ['handles', '', ({ handles }) => handles, 0, 1],
  ['timers', '', ({ timers }) => timers, 0, 3],
  ['log', 'MB', ({ logBytes }) => (logBytes ?? 0) / 1e6, 0.2, 1]
]

/** How each figure went, from the first third of the samples behind the warm-up to the last: of `samplesMin` at least. */
export const coursesOf = (samples: readonly Sample[]): readonly Course[] => {
  const warm = samples.slice(warmSeasons)
  const third = Math.max(1, Math.floor(warm.length / 3))
  return courses.map(([name, unit, of, share, more]) => {
    const early = median(warm.slice(0, third).map(of))
    const late = median(warm.slice(-third).map(of))
    return { name, unit, early, late, isFlat: late <= early * (1 + share) + more }
  })
}
