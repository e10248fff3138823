import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { properties, type Property } from './properties.ts'
import { domain } from './story.ts'

/** Any interleaving of writers with old views, conflicts, repeated and late appends, and clocks that jump. */
describe('after any history', () => {
  it.each(Object.entries<Property>(properties))('%s', (_, { of, runs }) => {
    fc.assert(of(domain), { numRuns: runs })
  }, 60_000)
})
