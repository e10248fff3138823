import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Column, LateColumn, Links } from '../../projections/validity/rows.ts'

/** Rows of several segments, a few of them often. */
const row = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 65_534, max: 65_538 }),
  fc.integer({ min: 1, max: 300_000 }))
const value = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 32 - 1 }))

describe.each([['a column', Column], ['a late column', LateColumn]])('%s', (_, Kind) => {
  it('holds what was set last, whichever of its segments came first', () => {
    fc.assert(fc.property(fc.array(fc.tuple(row, value), { maxLength: 60 }), (writes) => {
      const column = new Kind()
      const model = new Map<number, number>()
      for (const [at, set] of writes) {
        column.set(at, set)
        model.set(at, set)
        for (const [known, is] of model) expect(column.get(known)).toBe(is)
      }
    }))
  })

  it('holds as much when nothing is read in between', () => {
    fc.assert(fc.property(fc.array(fc.tuple(row, value), { maxLength: 1_000, size: 'max' }), (writes) => {
      const column = new Kind()
      for (const [at, set] of writes) column.set(at, set)
      for (const [at, is] of new Map(writes)) expect(column.get(at)).toBe(is)
    }), { endOnFailure: true })
  })
})

describe('links', () => {
  it('hold the rows of a list, newest first, whatever rows they are', () => {
    fc.assert(fc.property(fc.uniqueArray(row, { minLength: 1, maxLength: 30 }), fc.infiniteStream(fc.nat()),
      (rows, picks) => {
        const links = new Links()
        let head = 0
        const model: number[] = []
        const listed = (): number[] => {
          const found: number[] = []
          for (let at = head; at !== 0; at = links.older(at)) found.push(at)
          return found
        }
        for (const at of rows) {
          if (head !== 0) links.push(at, head)
          head = at
          model.unshift(at)
          expect(listed()).toEqual(model)
        }
        for (const pick of picks) {
          if (model.length === 0) break
          const [gone] = model.splice(pick % model.length, 1)
          head = links.unlink(gone!, head)
          expect(listed()).toEqual(model)
        }
      }))
  })
})
