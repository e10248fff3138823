import { expect, it } from 'vitest'
import * as fc from 'fast-check'
import { TrustedTime } from '../../../core/store/trusted-time.ts'
import { ManualClock } from '../../support/world.ts'

it('never goes back and never falls behind the monotonic clock, however the wall clock is set (I6)', () => {
  const step = fc.oneof(
    fc.record({ advance: fc.integer({ min: 0, max: 100_000 }) }),
    fc.record({ jump: fc.integer({ min: -1e9, max: 1e9 }) })
  )
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const clock = new ManualClock()
    const time = new TrustedTime(clock)
    const [wall, monotonic] = [clock.wall(), clock.monotonic()]
    for (const one of steps) {
      if ('advance' in one) clock.advance(one.advance)
      else clock.jump(one.jump)
      expect(time.now()).toBeGreaterThanOrEqual(wall + clock.monotonic() - monotonic)
    }
    clock.advance(1)
    expect(time.now()).toBe(Math.max(wall + clock.monotonic() - monotonic, clock.wall()))
  }))
})

it('a wall clock set forward by mistake and then right again leaves no trace', () => {
  const clock = new ManualClock()
  const time = new TrustedTime(clock)
  clock.jump(86_400_000)
  clock.advance(1)
  expect(time.now()).toBe(clock.wall())
  clock.jump(-86_400_000)
  clock.advance(1)
  expect(time.now()).toBe(clock.wall())
})

it('a suspended machine sees the wall time within a millisecond of running on', () => {
  const clock = new ManualClock()
  const time = new TrustedTime(clock)
  clock.jump(3_600_000)
  clock.advance(1)
  expect(time.now()).toBe(clock.wall())
})
