import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mutants } from './mutants.ts'
import { properties, type Property } from './properties.ts'

/**
 * So many times what a property is tried with in invariants.test.ts, from one seed. Nearly all are found within its own
 * number of runs.
 */
const patience = 5

describe('the properties bite', () => {
  it.each(mutants)('$caughtBy: not where $mistake', ({ domain, caughtBy }) => {
    const { of, runs }: Property = properties[caughtBy]
    const { failed, errorInstance } = fc.check(of(domain), { numRuns: runs * patience, seed: 1, endOnFailure: true })
    expect(failed).toBe(true)
    // Caught by what the property says, not by falling over.
    expect(errorInstance).toMatchObject({ name: 'AssertionError' })
  }, 60_000)

  it('every property catches one', () => {
    expect(new Set(mutants.map(({ caughtBy }) => caughtBy))).toEqual(new Set(Object.keys(properties)))
  })
})
