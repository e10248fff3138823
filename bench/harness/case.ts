import type { Progress } from './progress.ts'
import type { Figure, Ratio, Reach } from './report.ts'

/** What a case is given. */
export interface Bench {
  /** How many sessions to measure with: what was asked for, else `full`, or a small number in a quick run. */
  readonly sessions: (full: number) => number
  /** How many rounds: what was asked for, else `full`, or the fewest that make sense in a quick run. */
  readonly rounds: (full: number) => number
  /** `full`, or `small` in a quick run, which shows that the case works and whose numbers mean nothing. */
  readonly size: (full: number, small: number) => number
  readonly progress: Progress
  /** Says something that belongs to the figures: what was left out, what was observed. */
  readonly note: (line: string) => void
  /** An empty folder on the disk that is measured; removed afterwards. */
  readonly directory: string
}

export interface Outcome {
  readonly figures: readonly Figure[]
  readonly ratios: readonly Ratio[]
}

export interface Case {
  readonly name: string
  /** What it measures against what, in one line. */
  readonly line: string
  readonly reach: Reach
  readonly run: (bench: Bench) => Promise<Outcome>
}

/** What was to be measured gave a wrong answer. No number is given for it. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer'
}

/** Something that the case needs is not on this machine. The message says what, and how to get it. */
export class Lacking extends Error {
  override readonly name = 'Lacking'
}
