import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { median, quantile, ratiosByRound, spread } from '../../bench/harness/stats.ts'

// Both zeros are the same figure.
const sample = fc.double({ min: -1e9, max: 1e9, noNaN: true }).map((value) => value + 0)
const samples = fc.array(sample, { minLength: 1, maxLength: 50 })

describe('statistics', () => {
  test('the median is the middle one, or between the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(median([7])).toBe(7)
  })

  test('the median has as many samples above as below, whatever their order', () => {
    fc.assert(fc.property(samples, (given) => {
      const middle = median(given)
      const below = given.filter((sample) => sample < middle).length
      const above = given.filter((sample) => sample > middle).length
      expect(below).toBeLessThanOrEqual(given.length / 2)
      expect(above).toBeLessThanOrEqual(given.length / 2)
      expect(median(given.toReversed())).toBe(middle)
    }))
  })

  test('a quantile is a sample, and the smallest that so many do not exceed', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
    expect(quantile(hundred, 0.99)).toBe(99)
    expect(quantile(hundred, 0.999)).toBe(100)
    expect(quantile(hundred, 0.5)).toBe(50)
    expect(quantile(hundred, 0)).toBe(1)
    expect(quantile(hundred, 1)).toBe(100)
    fc.assert(fc.property(samples, fc.double({ min: 0, max: 1, noNaN: true }), (given, share) => {
      const value = quantile(given, share)
      expect(given).toContain(value)
      expect(given.filter((sample) => sample <= value).length).toBeGreaterThanOrEqual(share * given.length - 1e-9)
    }))
  })

  test('the spread holds every sample', () => {
    fc.assert(fc.property(samples, (given) => {
      const { median: middle, low, high } = spread(given)
      expect(low).toBe(Math.min(...given))
      expect(high).toBe(Math.max(...given))
      expect(middle).toBeGreaterThanOrEqual(low)
      expect(middle).toBeLessThanOrEqual(high)
    }))
  })

  test('ratios are taken round by round, not of two medians', () => {
    expect(ratiosByRound([2, 40, 6], [1, 10, 2])).toEqual([2, 4, 3])
    expect(() => ratiosByRound([1, 2], [1])).toThrow('2 rounds of ours, 1 of theirs')
  })

  test('no samples, or one that is no number, is no figure', () => {
    expect(() => spread([])).toThrow('no samples')
    expect(() => spread([1, NaN])).toThrow('NaN')
    expect(() => median([Infinity])).toThrow('Infinity')
  })

  test('the samples are left in their order', () => {
    const given = [3, 1, 2]
    spread(given)
    expect(given).toEqual([3, 1, 2])
  })
})
