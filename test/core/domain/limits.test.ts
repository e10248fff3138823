import * as fc from 'fast-check'
import * as Schema from 'effect/Schema'
import { describe, expect, it } from 'vitest'
import {
  absoluteMsMax, defaultLimits, durationMs, idleMsMax, isLimitsProblem, limitMsMin, Limits, type LimitsInput, presets,
  resolveLimits
} from '../../../core/domain/limits.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const resolve = (input: unknown) => resolveLimits(input as LimitsInput)

describe('a duration', () => {
  it.each<[unknown, number | undefined]>([
    [0, 0], [-0, 0], [1, 1], [1.4, 1], [1.5, 2], [86_400_000, day], ['30 minutes', 30 * minute], ['1 minute', minute],
    ['1.5 hours', 90 * minute], ['90 seconds', 90_000], ['7 days', 7 * day], ['500 millis', 500], ['0 seconds', 0],
    ['', undefined], [' ', undefined], ['5', undefined], ['minutes', undefined], ['30minutes', undefined],
    ['30 Minutes', undefined],
    ['1e3 hours', undefined], ['-5 minutes', undefined], ['NaN hours', undefined], ['Infinity', undefined],
    ['Infinity hours', undefined],
    ['1 hour 30 minutes', undefined], ['PT5M', undefined], ['00:05', undefined], ['0x10 seconds', undefined],
    ['1 hour\n', undefined],
    [`${'9'.repeat(400)} days`, undefined],
    [NaN, undefined], [Infinity, undefined], [-Infinity, undefined], [-1, undefined], [-0.4, undefined],
    [5n, undefined], [null, undefined],
    [undefined, undefined], [true, undefined], [[5, 6], undefined], [{ minutes: 5 }, undefined],
    [new Date(5), undefined], [Symbol('5'), undefined]
  ])('of %s is %s ms', (value, ms) => {
    const got = durationMs(value)
    expect(got).toBe(ms)
    expect(Object.is(got, -0)).toBe(false)
  })

  it('is a whole number of ms from 0, or none, for any value', () => {
    fc.assert(fc.property(fc.oneof(fc.anything(), fc.double(), fc.string().map((unit) => `5 ${unit}`)), (value) => {
      const ms = durationMs(value)
      expect(ms === undefined || (Number.isInteger(ms) && ms >= 0)).toBe(true)
    }))
  })
})

describe('limits', () => {
  it('have defaults, completed where one is given', () => {
    expect(resolve(undefined)).toEqual(defaultLimits)
    expect(resolve({})).toEqual(defaultLimits)
    expect(resolve({ idle: undefined, absolute: undefined, renew: undefined })).toEqual(defaultLimits)
    expect(resolve({ idle: '15 minutes' })).toEqual({ ...defaultLimits, idle: 15 * minute })
    expect(resolve({ renew: null })).toEqual({ ...defaultLimits, renew: null })
    expect(resolve(Object.assign(Object.create(null), { idle: 1_000 }))).toEqual({ ...defaultLimits, idle: 1_000 })
  })

  it('of the standard have names', () => {
    expect(resolve('aal1')).toEqual({ idle: 30 * day, absolute: 30 * day, renew: day })
    expect(resolve('aal2')).toEqual({ idle: hour, absolute: day, renew: hour })
    expect(resolve('aal3')).toEqual({ idle: 15 * minute, absolute: 12 * hour, renew: 15 * minute })
  })

  it('fit what an event may hold, the presets and defaults too', () => {
    const decode = Schema.decodeUnknownSync(Limits)
    for (const limits of [defaultLimits, ...Object.values(presets)]) expect(decode(limits)).toEqual(limits)
  })

  it('shorten the default idle to a shorter absolute', () => {
    expect(resolve({ absolute: '10 minutes' })).toMatchObject({ idle: 10 * minute, absolute: 10 * minute })
  })

  it('go from their least to their most', () => {
    for (const [option, max] of [['idle', idleMsMax], ['absolute', absoluteMsMax], ['renew', absoluteMsMax]] as const) {
      const others = option === 'idle' ? { absolute: absoluteMsMax } : { idle: limitMsMin }
      expect(resolve({ ...others, [option]: limitMsMin })).toMatchObject({ [option]: limitMsMin })
      expect(resolve({ ...others, [option]: max })).toMatchObject({ [option]: max })
      for (const out of [limitMsMin - 1, max + 1]) {
        expect(resolve({ ...others, [option]: out })).toMatchObject({ option: `limits.${option}` })
      }
    }
  })

  it('may have an idle as long as the absolute, not longer', () => {
    expect(resolve({ idle: '2 hours', absolute: '2 hours' })).toMatchObject({ idle: 2 * hour, absolute: 2 * hour })
    expect(resolve({ idle: 2 * hour + 1, absolute: '2 hours' })).toMatchObject({ option: 'limits.idle' })
    expect(resolve({ idle: '13 hours' })).toMatchObject({ option: 'limits.idle' })
  })

  it.each(['idle', 'absolute', 'renew'])('name the option %s when it cannot stand', (option) => {
    for (const bad of [
      0, -1, NaN, Infinity, '', 'never', 'infinite', '0 seconds', '-5 minutes', '1e3 hours', '401 days', {}, [], true,
      5n, () => 1
    ]) {
      const must = expect.stringContaining('be a duration from 1 second')
      expect(resolve({ [option]: bad })).toEqual({ option: `limits.${option}`, must })
    }
    if (option !== 'renew') expect(resolve({ [option]: null })).toMatchObject({ option: `limits.${option}` })
  })

  it.each([null, 5, true, 'aal4', '', 'AAL1', '__proto__', 'constructor', [], ['aal1'], new Map([['idle', 5]]),
    new Date(0), () => 'aal1'])(
    'name themselves when they are none: %s', (bad) => {
      expect(resolve(bad)).toMatchObject({ option: 'limits' })
    })

  it('name an option that there is not', () => {
    expect(resolve({ idel: '5 minutes' })).toMatchObject({ option: 'limits.idel' })
    expect(resolve(JSON.parse('{"__proto__":{"idle":5}}'))).toMatchObject({ option: 'limits.__proto__' })
  })

  it('are in range and finite, or a problem, for any value', () => {
    const duration = fc.oneof(fc.anything(), fc.nat(), fc.double(),
      fc.constantFrom('1 day', '31 days', '2 seconds', '0.5 seconds'))
    const input = fc.oneof(fc.anything(), fc.record({ idle: duration, absolute: duration, renew: duration },
      { requiredKeys: [] }))
    const fits = Schema.is(Limits)
    fc.assert(fc.property(input, (value) => {
      const limits = resolve(value)
      if (isLimitsProblem(limits)) return
      expect(fits(limits)).toBe(true)
      expect(limits.idle).toBeLessThanOrEqual(limits.absolute)
    }), { numRuns: 500 })
  })
})
