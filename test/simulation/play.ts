import { check, type Violation } from './checker/check.ts'
import type { Outcome } from './history.ts'
import { simulate } from './simulation.ts'
import { type Scenario, scenarioOf, type Step, stepsOf } from './steps.ts'
import { Coverage } from './world/coverage.ts'

/** A seed, or a story that was made from one. */
export interface Story {
  readonly scenario: Scenario
  readonly steps: readonly Step[]
}

export interface Played extends Outcome {
  /** Time that passed in the simulation, ms. */
  readonly ms: number
  /** How many timers, messages and requests ran in it. */
  readonly tasks: number
  readonly violations: readonly Violation[]
}

export const storyOf = (seed: number, steps: number, nodes?: number): Story =>
  ({ scenario: scenarioOf(seed, nodes), steps: stepsOf(seed, steps) })

/** Plays a story and holds its history against the promises. */
export const play = async ({ scenario, steps }: Story, coverage = new Coverage()): Promise<Played> => {
  const outcome = await simulate(scenario, steps, coverage)
  return { ...outcome, violations: check(outcome) }
}
