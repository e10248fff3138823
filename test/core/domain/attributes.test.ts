import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  attributesDepthMax, attributesLengthMax, attributesProblem, checkAttributes, mergePatch
} from '../../../core/domain/attributes.ts'
import type { Attributes } from '../../../core/domain/events.ts'
import { mergeByTheBook } from './model.ts'

const parse = (text: string) => JSON.parse(text) as Attributes
/** So that a property can hold any JSON value: the merge itself takes objects. */
const boxed = (target: unknown, patch: unknown) =>
  mergePatch({ box: target } as Attributes, { box: patch } as Attributes)['box']

describe('a merge patch', () => {
  // RFC 7396, appendix A, as it stands there: original, patch, result.
  it.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}']
  ])('on %s of %s gives %s', (target, patch, result) => {
    expect(boxed(parse(target), parse(patch))).toEqual(parse(result))
    if (!target.startsWith('{') || !patch.startsWith('{')) return
    expect(mergePatch(parse(target), parse(patch))).toEqual(parse(result))
  })

  // The one example of the appendix whose patch is null: inside an object that removes.
  it('of null removes', () => {
    expect(mergePatch({ box: { a: 'foo' } }, { box: null })).toEqual({})
  })

  it('agrees with the pseudocode of RFC 7396, section 2, leaves both sides as they were, and is idempotent', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'constructor', 'toString')
    const object = fc.dictionary(key, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
      .map((value) => parse(JSON.stringify(value).replaceAll('__proto__', 'proto')))
    fc.assert(fc.property(object, object, (target, patch) => {
      const before = JSON.stringify([target, patch])
      const merged = mergePatch(target, patch)
      expect(merged).toEqual(mergeByTheBook(target, patch))
      expect(mergePatch(merged, patch)).toEqual(merged)
      expect(JSON.stringify([target, patch])).toBe(before)
    }))
  })

  it.each([
    ['the patch', '{}', '{"__proto__":{"admin":true},"a":1}'],
    ['the patch, deeper', '{"t":{"a":1}}', '{"t":{"__proto__":{"admin":true}}}'],
    ['the patch, where nothing was', '{}', '{"t":{"__proto__":{"admin":true}}}'],
    ['what is patched', '{"__proto__":{"admin":true}}', '{"a":1}'],
    ['what is patched, deeper', '{"t":{"__proto__":{"admin":true},"a":1}}', '{"t":{"b":1}}']
  ])('never changes a prototype by __proto__ in %s', (_, target, patch) => {
    const merged = mergePatch(parse(target), parse(patch)) as { admin?: true; t?: { admin?: true } }
    expect(merged.admin).toBeUndefined()
    expect(merged.t?.admin).toBeUndefined()
    for (const object of [merged, merged.t ?? {}]) expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
    expect(({} as { admin?: true }).admin).toBeUndefined()
  })

  it('takes keys that name methods for what they are', () => {
    const merged = mergePatch(parse('{"constructor":{"a":1}}'),
      parse('{"constructor":{"b":2},"hasOwnProperty":null,"toString":"x"}'))
    expect(merged).toEqual(parse('{"constructor":{"a":1,"b":2},"toString":"x"}'))
    expect(mergePatch({}, parse('{"constructor":{"b":2}}'))).toEqual(parse('{"constructor":{"b":2}}'))
  })
})

const nested = (depth: number): unknown => depth === 0 ? 1 : { a: nested(depth - 1) }
const cyclic = (): unknown => {
  const self: Record<string, unknown> = { a: 1 }
  self['self'] = [self]
  return self
}
/** Eight levels of eight references each: small in memory, 16 million values unfolded. */
const shared = (): unknown => {
  let part: unknown = {}
  for (let level = 0; level < 8; level++) {
    part = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`k${i}`, part]))
  }
  return part
}
const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
class Cart { readonly items = [1] }

describe('attributes', () => {
  it.each<[string, unknown]>([
    ['undefined', undefined], ['null', null], ['a list', []], ['text', 'a'], ['a number', 1], ['a function', () => 1],
    ['a value that is undefined', { a: undefined }], ['a hole in a list', { a: [1, , 2] }],
    ['a function inside', { a: [() => 1] }],
    ['a symbol', { a: Symbol('a') }], ['a bigint', { a: 1n }], ['NaN', { a: NaN }], ['Infinity', { a: -Infinity }],
    ['a Date', { a: new Date(0) }], ['a Map', { a: new Map() }], ['an instance', { a: new Cart() }],
    ['a Map itself', new Map()],
    ['bytes', { a: new Uint8Array(2) }], ['toJSON', { toJSON: () => ({}) }],
    ['toJSON inside', { a: { toJSON: () => 1 } }],
    ['a boxed string', { a: new String('a') }], ['an inherited object', Object.create({ a: 1 })],
    ['a cycle', cyclic()], ['a getter that throws', { get a() { throw new Error('secret') } }],
    ['a revoked proxy', revoked()], ['a revoked proxy inside', { a: revoked() }],
    ['__proto__', parse('{"__proto__":{"admin":true}}')], ['__proto__ inside', parse('{"a":{"__proto__":1}}')],
    ['__proto__ in a list', parse('{"a":[{"b":[{"__proto__":null}]}]}')]
  ])('are no JSON object: %s', (_, value) => {
    expect(attributesProblem(value)).toMatchObject({ kind: 'not-json' })
  })

  it.each<[string, unknown]>([
    ['too long a text', { a: 'x'.repeat(attributesLengthMax) }],
    ['too long a list', { a: Array(attributesLengthMax).fill(0) }],
    ['too long a key', { ['k'.repeat(attributesLengthMax)]: 1 }],
    ['quotes', { a: '"'.repeat(attributesLengthMax / 2) }],
    ['shared parts that unfold', shared()], ['one text many times', { a: Array(10).fill('x'.repeat(1_000)) }]
  ])('are too large: %s', (_, value) => {
    expect(attributesProblem(value)).toMatchObject({ kind: 'too-large' })
  })

  it.each<[string, unknown, unknown]>([
    ['nothing', {}, {}], ['no prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['null inside', { a: null }, { a: null }], ['-0', { a: -0, b: [-0] }, { a: 0, b: [0] }],
    ['a lone surrogate', { a: '\ud800' }, { a: '\ud800' }], ['symbols as keys', { a: 1, [Symbol('a')]: 2 }, { a: 1 }],
    ['a hidden toJSON', Object.defineProperty({ a: 1 }, 'toJSON', { value: () => 'boo' }), { a: 1 }],
    ['a list with a toJSON', { a: Object.assign([1], { toJSON: () => 'boo', extra: 1 }) }, { a: [1] }],
    ['keys that name methods', { constructor: 1, prototype: 2, hasOwnProperty: 3 },
      { constructor: 1, prototype: 2, hasOwnProperty: 3 }]
  ])('are good: %s', (_, value, copied) => {
    // toStrictEqual tells -0 from 0.
    expect(checkAttributes(value)).toStrictEqual({ ok: true, attributes: copied })
  })

  it('may nest to their greatest depth, and not past it', () => {
    expect(attributesProblem({ a: nested(attributesDepthMax - 1) })).toBeUndefined()
    expect(attributesProblem({ a: nested(attributesDepthMax) })).toMatchObject({ kind: 'not-json' })
  })

  it('may take their greatest length, and not past it', () => {
    const room = attributesLengthMax - '{"a":""}'.length
    expect(attributesProblem({ a: 'x'.repeat(room) })).toBeUndefined()
    expect(attributesProblem({ a: 'x'.repeat(room + 1) })).toMatchObject({ kind: 'too-large' })
    expect(attributesProblem({ a: '\n'.repeat(room / 2) })).toBeUndefined()
  })

  it('are refused in few words, whatever they hold', () => {
    for (const value of [{ ['k'.repeat(3_000)]: NaN }, { a: 'x'.repeat(1_000_000) }, { secret: { password: 1n } }]) {
      const problem = attributesProblem(value)
      expect(problem?.detail.length).toBeLessThan(160)
      expect(problem?.detail).not.toContain('1n')
    }
  })

  it('that are any JSON object come out as JSON would give them, or are too large or deep', () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 8 }), (value) => {
      const text = JSON.stringify(value)
      const checked = checkAttributes(value)
      if (checked.ok) expect(JSON.stringify(checked.attributes)).toBe(text)
      else expect(text.length > attributesLengthMax || text.includes('__proto__')
        || checked.problem.detail.includes('deeper')).toBe(true)
    }))
  })

  it('that are any value at all are answered, and what is good is plain', () => {
    const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true,
      withSparseArray: true, withTypedArray: true })
    fc.assert(fc.property(fc.oneof(anything, fc.dictionary(fc.string(), anything)), (value) => {
      const checked = checkAttributes(value)
      if (checked.ok) expect(JSON.parse(JSON.stringify(checked.attributes))).toStrictEqual(checked.attributes)
    }))
  })
})
