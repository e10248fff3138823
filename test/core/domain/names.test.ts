import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { base64url, Digest, isSessionId, mintCommandId, mintSessionId, type Random } from '../../../core/domain/ids.ts'
import { digestOf, isToken, mintToken, tokenBytes, tokenLength } from '../../../core/domain/token.ts'
import * as Schema from 'effect/Schema'

const random: Random = (bytes) => randomBytes(bytes)
/** The worst of chances: always the same. */
const always = (byte: number): Random => (bytes) => new Uint8Array(bytes).fill(byte)
const millis = fc.integer({ min: 0, max: 281_474_976_710_655 })

describe('a token', () => {
  it('is 52 characters, canonical, and takes all that chance gives', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: tokenBytes, maxLength: tokenBytes }), (bytes) => {
      const token = mintToken((count) => bytes.subarray(0, count))
      expect(token).toHaveLength(tokenLength)
      expect(isToken(token)).toBe(true)
      expect(Buffer.from(token, 'base64url')).toEqual(Buffer.from(bytes))
      expect(Buffer.from(token, 'base64url').toString('base64url')).toBe(token)
    }))
  })

  it.each<[string, unknown]>([
    ['nothing', ''], ['too short', 'A'.repeat(51)], ['too long', 'A'.repeat(53)], ['a line end', `${'A'.repeat(51)}\n`],
    ['a line end more', `${'A'.repeat(52)}\n`], ['padding', `${'A'.repeat(51)}=`],
    ['the other base64', `${'A'.repeat(51)}+`],
    ['letters beyond ASCII', `${'A'.repeat(51)}Ａ`], ['surrogates', '😀'.repeat(26)], ['a NUL', `${'A'.repeat(51)}\0`],
    ['a String object', new String('A'.repeat(52))], ['bytes', Buffer.alloc(52, 65)], ['a list', Array(52).fill('A')],
    ['something with a length', { length: 52, toString: () => 'A'.repeat(52) }]
  ])('is not %s', (_, value) => {
    expect(isToken(value)).toBe(false)
  })

  it('is not any other value, and asking never throws', () => {
    const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true })
    fc.assert(fc.property(anything, (value) => {
      expect(isToken(value)).toBe(typeof value === 'string' && /^[A-Za-z0-9_-]{52}$/.test(value) && value.length === 52)
    }))
  })

  it('has a digest that is SHA-256 and fits an event', () => {
    // By sha256sum.
    expect(digestOf('A'.repeat(52) as never)).toBe(Buffer.from(sha256OfAs, 'hex').toString('base64url'))
    fc.assert(fc.property(fc.nat(), () => Schema.is(Digest)(digestOf(mintToken(random)))))
  })
})

const sha256OfAs = '3e1ae21112ec8fad05e3676e1940da52d56771162142aac4d73743e7df70b686'

describe('a session id', () => {
  it('is a UUID version 7, whatever the time and the chance', () => {
    fc.assert(fc.property(millis, fc.nat({ max: 255 }), (now, byte) => {
      const id = mintSessionId(now, always(byte))
      expect(isSessionId(id)).toBe(true)
      expect(parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(now)
      expect(id[14]).toBe('7')
      expect('89ab').toContain(id[19])
    }))
  })

  it('sorts by the time of the start, as text', () => {
    fc.assert(fc.property(millis, millis, (one, other) => {
      fc.pre(one < other)
      expect(mintSessionId(one, always(255)) < mintSessionId(other, always(0))).toBe(true)
    }))
  })

  it('of one ms differs by chance: 74 bits of it, and each of them counts', () => {
    const ids = new Set(Array.from({ length: 10_000 }, () => mintSessionId(5, random)))
    expect(ids.size).toBe(10_000)
    const zeros = mintSessionId(5, always(0)).replaceAll('-', '')
    const ones = mintSessionId(5, always(255)).replaceAll('-', '')
    const differing = BigInt(`0x${zeros}`) ^ BigInt(`0x${ones}`)
    expect(differing.toString(2).replaceAll('0', '')).toHaveLength(74)
  })

  it.each<[string, unknown]>([
    ['another version', '01976b00-0000-4000-8000-000000000000'],
    ['another variant', '01976b00-0000-7000-c000-000000000000'],
    ['capitals', '01976B00-0000-7000-8000-000000000000'], ['no dashes', '01976b000000700080000000000000000000'],
    ['a line end', '01976b00-0000-7000-8000-00000000000\n'], ['braces', '{1976b00-0000-7000-8000-00000000000}'],
    ['a String object', new String('01976b00-0000-7000-8000-000000000000')], ['null', null]
  ])('is not %s', (_, value) => {
    expect(isSessionId(value)).toBe(false)
  })
})

describe('base64url', () => {
  it('agrees with Node\'s for any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }),
      (bytes) => base64url(bytes) === Buffer.from(bytes).toString('base64url')))
  })
})

describe('a command id', () => {
  it('is 20 characters of chance', () => {
    expect(mintCommandId(always(0))).toBe('A'.repeat(20))
    expect(mintCommandId(always(255))).toBe('_'.repeat(20))
  })
})
