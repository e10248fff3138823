import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DomainEvent } from '../../../core/domain/events.ts'
import type { StoredEvent } from '../../../core/log/port.ts'
import { CopyPlan, Standing } from '../../../projections/moving/plan.ts'
import { foldOf } from '../../simulation/finals.ts'
import { Copy, interleaved, originals } from './original.ts'

const choices = fc.array(fc.nat(11), { minLength: 1, maxLength: 40 })

/** What the plan says, record by record; `heads`: after which of them a head was reached. */
const planned = (
  plan: CopyPlan, records: readonly StoredEvent[], heads: readonly number[] = []
): readonly (readonly DomainEvent[])[] => records.map((record, i) => {
  const events = plan.take(record)
  if (heads.includes(i)) plan.reached()
  return events
})

/** What is alive, and how; the rest is dead, whatever it died of. */
const alive = (records: readonly StoredEvent[]) =>
  new Map([...foldOf(records)].filter(([, { status }]) => status === 'live'))

const copyAll = (lists: readonly (readonly StoredEvent[])[], order: readonly number[], into: Copy): void => {
  const standing = new Standing(into.partitions)
  for (const record of into.records) standing.add(record)
  const again = standing.incomplete()
  for (const event of again) into.append(event)
  const plan = new CopyPlan(lists.length, standing)
  for (const events of planned(plan, interleaved(lists, order))) for (const event of events) into.append(event)
  for (const event of plan.rest()) into.append(event)
}

describe.each([[1, 1], [1, 3], [3, 1], [3, 3], [4, 2]])('a log of %i partitions, copied to one of %i', (from, to) => {
  test('has the same sessions alive, in whatever order the partitions are read', () => {
    fc.assert(fc.property(originals(from), choices, (lists, order) => {
      const copy = new Copy(to)
      copyAll(lists, order, copy)
      expect(alive(copy.records)).toEqual(alive(lists.flat()))
    }), { numRuns: 400 })
  })

  test('and so it has after an attempt that was killed anywhere, read in another order', () => {
    fc.assert(fc.property(
      originals(from), choices, choices, fc.nat(100), fc.nat(3), fc.nat(to - 1), (lists, order, other, share, extra, only) => {
        const copy = new Copy(to)
        const whole = interleaved(lists, order)
        const events = planned(new CopyPlan(from, new Standing(to)), whole.slice(0, Math.ceil(whole.length * share / 100)))
          .flat()
        // The last append may have reached one partition only, and once again be repeated whole.
        const sure = events.slice(0, Math.max(0, events.length - extra))
        for (const event of sure) copy.append(event)
        for (const event of events.slice(sure.length)) copy.append(event, only)
        copyAll(lists, other, copy)
        expect(alive(copy.records)).toEqual(alive(lists.flat()))
      }), { numRuns: 400 })
  })
})

test('a revocation that stands in some partitions only never leaves more alive than the original has', () => {
  fc.assert(fc.property(
    originals(3), choices, fc.array(fc.nat(60), { maxLength: 5 }), fc.nat(2), (lists, order, heads, lacking) => {
      const isCut = ({ event }: StoredEvent) => event.type === 'TenantRevoked' || event.type === 'AllRevoked'
      const cut = lists.map((list, i) => i === lacking ? list.filter((record) => !isCut(record)) : list)
      const copy = new Copy(1)
      const plan = new CopyPlan(3, new Standing(1))
      for (const events of planned(plan, interleaved(cut, order), heads)) for (const event of events) copy.append(event)
      const left = alive(copy.records)
      const original = alive(cut.flat())
      for (const [id] of left) expect(original.has(id)).toBe(true)
    }), { numRuns: 400 })
})

test('a partition that was not waited for any longer, and brings a revocation at last, has what it ended ended', () => {
  fc.assert(fc.property(originals(3), choices, fc.array(fc.nat(60), { maxLength: 12 }), (lists, order, heads) => {
    const copy = new Copy(1)
    const plan = new CopyPlan(3, new Standing(1))
    for (const events of planned(plan, interleaved(lists, order), heads)) for (const event of events) copy.append(event)
    for (const event of plan.rest()) copy.append(event)
    const original = alive(lists.flat())
    for (const [id, state] of alive(copy.records)) expect(state).toEqual(original.get(id))
  }), { numRuns: 400 })
})
