import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { properties, type Property } from './properties.ts'
import { domain } from './story.ts'

describe('under any interleaving of writers with old views, conflicts, repeated and late appends, and clocks that jump', () => {
  it.each(Object.entries<Property>(properties))('%s', (_, { of, runs }) => {
    fc.assert(of(domain), { numRuns: runs })
  }, 60_000)
})
