import type { Facts } from './facts.ts'
import type { Final } from '../history.ts'

/** A promise that a history breaks, with what shows it. */
export interface Violation {
  readonly rule: string
  /** ms from the start. */
  readonly at: number
  readonly text: string
}

/** Finds what breaks one promise. */
export type Rule = (facts: Facts, finals: readonly Final[]) => readonly Violation[]
