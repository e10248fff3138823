import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { homeOf, OrderedTable, slotMask, slotShift } from '../../projections/validity/table.ts'
import { walk } from '../../projections/validity/walk.ts'

const stride = 2
const make = (capacity = 4) => new OrderedTable({ stride, mark: 1, keys: capacity, loadMax: 0.8, growth: 1.2, steps: 3 })

type Pair = readonly [key: number, value: number]

const find = (table: OrderedTable, key: number, value: number) => {
  const side = table.side(key)
  for (let slot = homeOf(side, key); ; slot++) {
    const words = side.segments[slot >>> slotShift]!
    const base = (slot & slotMask) * stride
    if (words[base + 1] === 0 || words[base]! > key) return undefined
    if (words[base] === key && words[base + 1] === value) return { side, slot }
  }
}

/** All pairs by walking, in steps of `most`. */
const pairs = (table: OrderedTable, most: number): Pair[] => {
  const seen: Pair[] = []
  let cursor = 0
  do {
    cursor = walk(table, cursor, most, (side, slot) => {
      const words = side.segments[slot >>> slotShift]!
      seen.push([words[(slot & slotMask) * stride]!, words[(slot & slotMask) * stride + 1]!])
      return false
    })
  } while (cursor !== 0)
  return seen
}

const expectSame = (table: OrderedTable, model: readonly Pair[], most: number) => {
  expect(table.count).toBe(model.length)
  for (const [key, value] of model) expect(find(table, key, value), `${key} ${value}`).toBeDefined()
  const unique = new Map(pairs(table, most).map((pair) => [pair.join(' '), pair]))
  expect([...unique.values()].map(([, value]) => value).sort((a, b) => a - b)).toEqual(
    model.map(([, value]) => value).sort((a, b) => a - b))
}

const insert = (table: OrderedTable, key: number, value: number) => table.insert(Uint32Array.of(key, value))

/** Does what the ops say on a table and on a list, and compares them after each. */
interface Op {
  readonly key: number
  readonly remove: boolean
}
const run = (ops: readonly Op[], capacity: number, most: number) => {
  const table = make(capacity)
  let model: Pair[] = []
  let value = 1
  for (const { key, remove } of ops) {
    const victim = model.find(([other]) => other === key)
    if (remove && victim !== undefined) {
      const { side, slot } = find(table, ...victim)!
      table.remove(side, slot)
      model = model.filter((pair) => pair !== victim)
    } else {
      insert(table, key, value)
      model.push([key, value++])
    }
    expectSame(table, model, most)
    expect(find(table, key, 4_000_000), 'a value that was never put in').toBeUndefined()
  }
  return table
}

describe('the ordered table', () => {
  test('is a list of pairs, in all sequences of four operations on near, far, equal, first and last keys', () => {
    const keys = [0, 1, 0x80000000, 0xffffffff]
    const kinds = keys.flatMap((key) => [{ key, remove: false }, { key, remove: true }])
    const total = kinds.length ** 4
    for (let n = 0; n < total; n++) {
      const ops = Array.from({ length: 4 }, (_, i) => kinds[Math.floor(n / kinds.length ** i) % kinds.length]!)
      run([{ key: 0xfffffffe, remove: false }, ...ops], 4, 3)
    }
  })

  test('is a list of pairs through any growth', () => {
    const key = fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 1, 7, 0x80000000, 0xffffffff))
    fc.assert(fc.property(
      fc.array(fc.record({ key, remove: fc.boolean() }), { maxLength: 120 }), fc.integer({ min: 4, max: 40 }),
      fc.integer({ min: 1, max: 20 }), (ops, capacity, most) => { run(ops, capacity, most) }
    ), { numRuns: 150 })
  })

  test('a walk in steps visits all that is there all the time, whatever comes and goes in between', () => {
    const key = fc.integer({ min: 0, max: 0xffffffff })
    fc.assert(fc.property(
      fc.uniqueArray(key, { minLength: 1, maxLength: 80 }), fc.array(key, { maxLength: 200 }),
      fc.integer({ min: 1, max: 12 }), (stay, come, most) => {
        const table = make()
        stay.forEach((one, i) => insert(table, one, i + 1))
        const visited = new Set<number>()
        const passing: Pair[] = []
        let cursor = 0
        let i = 0
        do {
          cursor = walk(table, cursor, most, (side, slot) => {
            visited.add(side.segments[slot >>> slotShift]![(slot & slotMask) * stride + 1]!)
            return false
          })
          for (const one of come.slice(i, i + 5)) {
            insert(table, one, 1_000 + i)
            passing.push([one, 1_000 + i])
            i++
          }
          if (i % 3 === 0 && passing.length > 0) {
            const { side, slot } = find(table, ...passing.shift()!)!
            table.remove(side, slot)
          }
        } while (cursor !== 0)
        for (let value = 1; value <= stay.length; value++) expect(visited.has(value)).toBe(true)
      }
    ), { numRuns: 6_000 })
  })

  test('grows over segments, and gives room back when most of it is free', () => {
    const table = make(1_000)
    const key = (i: number) => Math.imul(i, 0x9e3779b1) >>> 0
    for (let i = 1; i <= 150_000; i++) insert(table, key(i), i)
    for (let i = 1; i <= 150_000; i++) expect(find(table, key(i), i)).toBeDefined()
    const full = table.bytes()
    for (let i = 1; i <= 149_000; i++) {
      const { side, slot } = find(table, key(i), i)!
      table.remove(side, slot)
    }
    table.step(Infinity)
    table.fit()
    table.step(Infinity)
    expect(table.bytes()).toBeLessThan(full / 20)
    for (let i = 149_001; i <= 150_000; i++) expect(find(table, key(i), i)).toBeDefined()
    expect(pairs(table, 1_000).length).toBeGreaterThanOrEqual(1_000)
  })
})
