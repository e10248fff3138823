import * as Result from 'effect/Result'
import * as Schema from 'effect/Schema'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DomainEvent } from '../../../core/domain/events.ts'
import { isWellFormed } from '../../../core/domain/well-formed.ts'
import { encodeText } from '../../../core/log/codec.ts'
import { event as anyEvent, events } from '../../support/arbitraries.ts'

const decode = Schema.decodeUnknownResult(DomainEvent)
const encode = Schema.encodeUnknownResult(DomainEvent)

/** What the short way takes, the schema takes, and gives back as it is, key by key. */
const agrees = (value: unknown): void => {
  if (!isWellFormed(value)) return
  for (const result of [decode(value), encode(value)]) {
    expect(Result.isSuccess(result) && result.success).toStrictEqual(value)
  }
}

/** What stands just outside of a bound, in the place of another, or is no JSON at all. */
const odd: readonly unknown[] = [
  null, undefined, '', 'x', 'x'.repeat(64), 'x'.repeat(65), 'x'.repeat(256), 'x'.repeat(257), '\ud800', 0, -1, 0.5, 1,
  2, 999, 1_000, 3_600_000, 3_600_001, 2_592_000_000, 2_592_000_001, 34_560_000_000, 34_560_000_001, NaN, Infinity,
  2 ** 48 - 1, 2 ** 48, 2 ** 53 - 1, 2 ** 53, true, [], [null], [['x', 1]], ['x'.repeat(64)], ['x'.repeat(65)], [''],
  Array(16).fill('x'), Array(17).fill('x'), {}, { a: 1 }, { a: NaN }, new Date(0), Object.create(null),
  Object.create({ a: 1 }), new Map(), () => 1, Symbol('x'), 1n, 'SessionEnded', 'AllRevoked', 'toString', 'logout',
  'A'.repeat(42), 'A'.repeat(43), 'A'.repeat(44), 'A'.repeat(42) + 'B', '00000000-0000-7000-8000-000000000000',
  '00000000-0000-7000-8000-00000000000', '00000000-0000-4000-8000-000000000000'
]
const extraKeys = ['extra', '__proto__', 'actor', 'ignorable', 'device', '0']

/** The value with one of its parts, at any depth, replaced or taken away, or with a part more. */
const variants = function*(value: unknown): Generator<unknown> {
  yield* odd
  if (Array.isArray(value)) {
    for (const [i, part] of value.entries()) for (const other of variants(part)) yield value.with(i, other)
    for (const other of odd) yield [...value, other]
  } else if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
    for (const [key, part] of fields) {
      for (const other of variants(part)) yield { ...value, [key]: other }
      yield Object.fromEntries(fields.filter(([name]) => name !== key))
    }
    for (const key of extraKeys) {
      yield Object.defineProperty({ ...value }, key, { value: 1, enumerable: true, configurable: true, writable: true })
    }
  }
}

/** Without what is left to the schema. */
const usual = (event: DomainEvent): DomainEvent => {
  if (event.type === 'SessionStarted') return { ...event, device: null, attributes: {} }
  if (event.type !== 'SessionEnded') return event
  const { actor: _, ...rest } = event
  return rest
}

describe('what is surely an event', () => {
  it('is what the schema takes as it is', () => {
    fc.assert(fc.property(anyEvent, agrees))
    fc.assert(fc.property(fc.anything(), agrees))
  })

  it.each(Object.keys(events) as ReadonlyArray<keyof typeof events>)('is no variant of %s that it refuses', (kind) => {
    fc.assert(fc.property(events[kind] as fc.Arbitrary<DomainEvent>, (event) => {
      for (const variant of variants(usual(event))) agrees(variant)
    }), { numRuns: 20 })
  })

  it('holds no more sessions than the schema allows', () => {
    const { seen: _, ...rest } = fc.sample(events.ActivityRecorded, 1)[0]!
    const seen = (length: number) => Array.from({ length }, () => ['00000000-0000-7000-8000-000000000000', 1])
    expect(isWellFormed({ ...rest, seen: seen(10_000) })).toBe(true)
    expect(isWellFormed({ ...rest, seen: seen(10_001) })).toBe(false)
  })

  it.each(['SessionStarted', 'ActivityRecorded', 'TokenRotated', 'TokenConfirmed', 'SessionEnded'] as const)(
    'is most of what is written of the kind %s', (kind) => {
      fc.assert(fc.property(events[kind] as fc.Arbitrary<DomainEvent>, (event) => {
        expect(isWellFormed(JSON.parse(encodeText(usual(event))))).toBe(true)
      }))
    })
})
