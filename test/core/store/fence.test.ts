import { describe, expect, it } from 'vitest'
import { Fence } from '../../../core/store/fence.ts'

const at = (monotonic: number, wall = monotonic) => ({ monotonic, wall })

describe('the fence (I5)', () => {
  it('is closed until the first freshness', () => {
    const fence = new Fence(5_000, 'refuse')
    expect(fence.refuses(0, 0)).toBe(true)
    expect(fence.reason(at(0))).toContain('has not caught up')
    fence.freshen(at(0))
    expect(fence.refuses(0, 0)).toBe(false)
    expect(fence.reason(at(0))).toBeNull()
  })

  it('closes one moment past maxStaleness, by either clock', () => {
    const fence = new Fence(5_000, 'refuse')
    fence.freshen(at(100, 900))
    expect(fence.refuses(5_100, 5_900)).toBe(false)
    expect(fence.refuses(5_101, 5_900)).toBe(true)
    expect(fence.refuses(5_100, 5_901)).toBe(true)
  })

  it('counts from when the head was asked for, and an older answer does not set it back', () => {
    const fence = new Fence(5_000, 'refuse')
    fence.freshen(at(1_000))
    fence.freshen(at(500))
    expect(fence.ageMs(at(1_500))).toBe(500)
  })

  it('stays open for an owner who chose to serve, and says that it is stale', () => {
    const fence = new Fence(5_000, 'serve')
    expect(fence.refuses(0, 0)).toBe(false)
    expect(fence.isStale(0, 0)).toBe(true)
  })

  it('closes for good on what this node cannot read, also for an owner who chose to serve', () => {
    for (const onStale of ['refuse', 'serve'] as const) {
      const fence = new Fence(5_000, onStale)
      fence.distrust('an event of a newer version')
      fence.distrust('another')
      fence.freshen(at(0))
      expect(fence.refuses(0, 0)).toBe(true)
      expect(fence.reason(at(0))).toBe('an event of a newer version')
    }
  })

  it('closes when a clock is broken', () => {
    const fence = new Fence(5_000, 'refuse')
    fence.freshen(at(0))
    expect(fence.refuses(Number.NaN, 0)).toBe(true)
    expect(fence.refuses(0, Number.NaN)).toBe(true)
  })
})
