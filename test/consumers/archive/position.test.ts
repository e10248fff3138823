import * as Effect from 'effect/Effect'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Standing } from '../../../consumers/archive/topic/api.ts'
import { lastCommitted, parse, render } from '../../../consumers/archive/topic/position.ts'
import { position } from '../../../core/log/position.ts'

/** A transaction, as it stands in the topic of the position: with a record, or compacted or given up before it. */
interface Transaction {
  readonly isGood: boolean
  readonly hasRecord: boolean
  /** So many offsets before it that compaction has emptied. */
  readonly emptied: number
}

const standing = (transactions: readonly Transaction[], from: number): readonly Standing[] => {
  const records: Standing[] = []
  let offset = from
  transactions.forEach(({ isGood, hasRecord, emptied }, i) => {
    offset += emptied
    if (hasRecord) records.push({ offset: offset++, mark: null, text: `${i}` })
    records.push({ offset: offset++, mark: isGood ? 'commit' : 'abort' })
  })
  return records
}

const transactions = fc.array(
  fc.record({ isGood: fc.boolean(), hasRecord: fc.boolean(), emptied: fc.nat({ max: 3 }) }), { maxLength: 300 })

it('the last record that was committed is found, behind whatever came to nothing', () => {
  fc.assert(fc.property(transactions, fc.nat({ max: 5 }), fc.integer({ min: 1, max: 9 }), (list, from, page) => {
    const records = standing(list, from)
    const end = (records.at(-1)?.offset ?? from - 1) + 1
    // A broker gives what it likes, beginning before the place even, and nothing where a batch is empty.
    const read = (offset: number) => Effect.sync(() =>
      records.filter((record) => record.offset >= offset - 1 && record.offset < offset + page))
    const expected = list.findLastIndex(({ isGood, hasRecord }) => isGood && hasRecord)
    expect(Effect.runSync(lastCommitted(from, end, read))).toBe(expected < 0 ? undefined : `${expected}`)
  }))
})

it('what stands there is read as it was written, and nothing else', () => {
  const marks = [{ partition: 0, offset: 2, at: 1, command: 'c' }]
  const state = { source: { kind: 'sqlite', name: 'a.db' }, position: position([3]), marks }
  for (const found of [{ state, end: 7, last: 'digest' }, { state: null, end: 0, last: '' }]) expect(parse(render(found))).toEqual(found)
  expect(parse(render({ state, end: 7, last: '' }).replace('"version":1', '"version":2'))).toBe('newer')
  for (const text of ['', '{', 'null', '[]', '{}', '{"version":1,"end":1,"last":""}', '{"version":1,"end":1.5,"last":"","state":null}']) {
    expect(parse(text)).toBe(undefined)
  }
})
