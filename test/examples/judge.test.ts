import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Ending, wrongAcceptance, wrongSightings } from '../../examples/cluster/judge.ts'
import type { Sighting } from '../../examples/cluster/witness.ts'

const bound = 2_000
const ending = (confirm: Ending['confirm']): Ending =>
  ({ id: 's', revokedBy: 'node-1', confirm, called: 1_000, acknowledged: 1_010 })

/** A node that accepted from 500 to `last`, and refused from `refusedAt` on. */
const sighting = (last: number, refusedAt: number | null): Sighting => ({
  id: 's', firstAcceptedAt: 500, lastAcceptedAt: last, firstRefusedAt: refusedAt,
  answers: [{ at: 500, answer: 'ok' }, ...(refusedAt === null ? [] : [{ at: refusedAt, answer: 'ended' as const }])]
})

describe('the judge of the load', () => {
  test('finds nothing wrong with a node that accepts until it hears of the end', () => {
    expect(wrongSightings(ending('durable'), 'node-2', sighting(1_015, 1_016), bound)).toEqual([])
    expect(wrongSightings(ending('cluster'), 'node-2', sighting(1_009, 1_010), bound)).toEqual([])
    expect(wrongSightings(ending('durable'), 'node-1', sighting(1_000, 1_001), bound)).toEqual([])
  })

  test.each([
    ['accepted after all had confirmed', ending('cluster'), 'node-2', sighting(1_011, 1_012), 'after-confirmed'],
    ['accepted by the revoking node, acknowledged', ending('durable'), 'node-1', sighting(1_011, 1_012), 'after-own'],
    ['accepted past maxStaleness', ending('durable'), 'node-2', sighting(3_011, 3_012), 'past-the-bound'],
    ['never refused at all', ending('durable'), 'node-3', sighting(9_000, null), 'past-the-bound'],
    ['refused while it was live', ending('durable'), 'node-2', sighting(998, 999), 'live-refused']
  ])('%s', (_, how, node, seen, kind) => {
    expect(wrongSightings(how, node, seen, bound)).toEqual([kind])
  })

  test('accepted again after an end', () => {
    const risen: Sighting = {
      id: 's', firstAcceptedAt: 500, lastAcceptedAt: 1_008, firstRefusedAt: 1_002,
      answers: [{ at: 500, answer: 'ok' }, { at: 1_002, answer: 'ended' }, { at: 1_008, answer: 'ok' }]
    }
    expect(wrongSightings(ending('durable'), 'node-2', risen, bound)).toEqual(['risen'])
  })

  test('a fence that lifts is no resurrection', () => {
    const fenced: Sighting = {
      id: 's', firstAcceptedAt: 500, lastAcceptedAt: 1_008, firstRefusedAt: 1_002,
      answers: [{ at: 500, answer: 'ok' }, { at: 1_002, answer: 'stale' }, { at: 1_008, answer: 'ok' }]
    }
    expect(wrongSightings(ending('durable'), 'node-2', fenced, bound)).toEqual([])
  })

  test('nothing accepted before the acknowledgement is wrong, and what is wrong at a time is wrong later too', () => {
    const confirm = fc.constantFrom('durable' as const, 'cluster' as const)
    const node = fc.constantFrom('node-1', 'node-2')
    fc.assert(fc.property(confirm, node, fc.nat(5_000), fc.nat(5_000), (how, node, at, more) => {
      const early = wrongAcceptance(ending(how), node, at, bound)
      if (at <= 1_010) expect(early).toBeUndefined()
      if (early !== undefined) expect(wrongAcceptance(ending(how), node, at + more, bound)).toBe(early)
      if (at > 1_010 + bound) expect(early).toBeDefined()
    }))
  })
})
