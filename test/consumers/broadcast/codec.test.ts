import * as fc from 'fast-check'
import { createSecretKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Codec, makeCodec, messageBytesMax } from '../../../consumers/broadcast/codec.ts'
import { type DomainEvent, isWideRevocation } from '../../../core/domain/events.ts'
import { decodeEvent } from '../../../core/log/codec.ts'
import { position } from '../../../core/log/position.ts'
import type { Message, MessageRefusal, Sender } from '../../../core/store/broadcast.ts'
import { messages, senders } from './arbitraries.ts'
import { oneOfEach, revocation, seal, sender } from './wire.ts'

const secret = 'a key of the cluster, 32 bytes..'
const key = createSecretKey(Buffer.from(secret))
const open = makeCodec('shop')
const keyed = makeCodec('shop', key)
const both: ReadonlyArray<readonly [string, Codec, string | undefined]> =
  [['without a key', open, undefined], ['with a key', keyed, secret]]

const refusals: readonly MessageRefusal[] = [
  'too-large', 'not-ours', 'version', 'foreign-cluster', 'unauthenticated', 'malformed'
]
const bytesOf = (codec: Codec, message: Message, from: Sender = sender): Uint8Array => {
  const encoded = codec.encode(message, from)
  if ('unfit' in encoded) throw new Error(encoded.unfit)
  return encoded.bytes
}
const body = (fields: object, from: unknown = ['app-1', 'i', 1]): string => JSON.stringify({ from, ...fields })
const said = (fields: object): Uint8Array => seal(body(fields))
const goodbye: Message = { kind: 'goodbye' }

describe.each(both)('a message %s', (_, codec, secretOf) => {
  it('comes out as it went in', () => {
    fc.assert(fc.property(messages, senders, (message, from) => {
      expect(codec.decode(bytesOf(codec, message, from))).toEqual({ message, from })
    }))
  })

  it('is as the format says', () => {
    const options = secretOf === undefined ? {} : { key: secretOf }
    expect(Buffer.from(bytesOf(codec, goodbye)).toString())
      .toBe(Buffer.from(seal(body(goodbye, ['app-1', '0m3k1c9ab-x7Qz2LpE', 12]), options)).toString())
  })

  it('is refused if any one bit is flipped', () => {
    const good = bytesOf(codec, revocation())
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = Uint8Array.from(good)
      bad[bit >> 3]! ^= 1 << (bit & 7)
      expect(refusals, `bit ${bit}`).toContain(codec.decode(bad))
    }
  })

  it('is refused if any bytes are changed, left out or added', () => {
    fc.assert(fc.property(messages, fc.nat(), fc.nat(40), fc.uint8Array({ maxLength: 40 }), (message, at, out, put) => {
      const good = Buffer.from(bytesOf(codec, message))
      const start = at % good.length
      const bad = Buffer.concat([good.subarray(0, start), put, good.subarray(start + out)])
      fc.pre(!bad.equals(good))
      expect(refusals).toContain(codec.decode(bad))
    }), { numRuns: 500 })
  })

  it('is refused if it is cut short anywhere', () => {
    const good = bytesOf(codec, revocation(oneOfEach.SubjectRevoked))
    for (let length = 0; length < good.length; length++) {
      expect(refusals).toContain(codec.decode(good.subarray(0, length)))
    }
  })

  it('is refused if a letter of its digest is another with the same last byte', () => {
    const good = Buffer.from(bytesOf(codec, goodbye)).toString()
    const at = good.indexOf('\n') - 1
    const bad = good.slice(0, at) + String.fromCharCode(good.charCodeAt(at) + 256) + good.slice(at + 1)
    expect(codec.decode(Buffer.from(bad))).toBe(secretOf === undefined ? 'malformed' : 'unauthenticated')
  })

  it('is found within a larger buffer, as a socket hands it over', () => {
    const good = Buffer.from(bytesOf(codec, revocation()))
    const shared = Buffer.concat([Buffer.from('before '), good, Buffer.from(' after')])
    expect(codec.decode(shared.subarray(7, 7 + good.length))).toEqual({ message: revocation(), from: sender })
  })
})

const beat = { kind: 'heartbeat', position: [], serves: true }
const cases: ReadonlyArray<readonly [string, Uint8Array, MessageRefusal]> = [
  ['nothing', new Uint8Array(0), 'not-ours'],
  ['another protocol', Buffer.from('GET / HTTP/1.1\r\n'), 'not-ours'],
  ['a later version', seal(body(goodbye), { version: '2' }), 'version'],
  ['a far later version, whose line we cannot read', Buffer.from('curfew/40 who knows'), 'version'],
  ['another cluster', seal(body(goodbye), { cluster: 'shop2' }), 'foreign-cluster'],
  ['a cluster that no cluster can be', seal(body(goodbye), { cluster: 'a.b' }), 'malformed'],
  ['one byte too many, all of it spaces', Buffer.alloc(messageBytesMax + 1, 0x20), 'too-large'],
  ['a hundred megabytes', Buffer.alloc(100_000_000), 'too-large'],
  ['a message that would be good if smaller', said({ ...goodbye, pad: 'x'.repeat(messageBytesMax) }), 'too-large'],
  ['no end of the first line', Buffer.from(`curfew/1 shop sum ${'A'.repeat(43)}`), 'malformed'],
  ['a first line without end', Buffer.from(`curfew/1 ${'shop'.repeat(1_000)}`), 'malformed'],
  ['a body that is not UTF-8', seal(Buffer.from([0x7b, 0xff, 0x7d])), 'malformed'],
  ['a body that is not JSON', seal('{"from":'), 'malformed'],
  ['a list', seal('[]'), 'malformed'],
  ['null', seal('null'), 'malformed'],
  ['depth', seal('['.repeat(32_000) + ']'.repeat(32_000)), 'malformed'],
  ['depth where an event should be', seal(`{"from":["a","i",1],"kind":"revocation","appliedAt":[],"acknowledge":true,`
    + `"event":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`), 'malformed'],
  ['a prototype', seal('{"__proto__":{"from":["a","i",1],"kind":"goodbye"}}'), 'malformed'],
  ['no kind', seal(body({})), 'malformed'],
  ['a kind that objects have anyway', seal(body({ kind: 'constructor' })), 'malformed'],
  ['no sender', seal('{"kind":"goodbye"}'), 'malformed'],
  ['a sender without a name', seal(body(goodbye, ['', 'i', 1])), 'malformed'],
  ['a sender with a long name', seal(body(goodbye, ['n'.repeat(257), 'i', 1])), 'malformed'],
  ['a sender with a long incarnation', seal(body(goodbye, ['n', 'i'.repeat(65), 1])), 'malformed'],
  ['a number from before the first', seal(body(goodbye, ['n', 'i', 0])), 'malformed'],
  ['a number that is none', seal(body(goodbye, ['n', 'i', 1.5])), 'malformed'],
  ['a position that is none', seal(body({ kind: 'news', position: [-1] })), 'malformed'],
  ['a wall clock beyond all numbers', seal(body(beat).replace('}', ',"wall":1e999}')), 'malformed'],
  ['a wall clock that stands still', said({ ...beat, wall: null }), 'malformed'],
  ['a command that is none', seal(body({ kind: 'applied', command: 'a b' })), 'malformed'],
  ['a revocation without a place', said({ ...revocation(), appliedAt: null }), 'malformed'],
  ['a revocation of a later version', said({ ...revocation(), event: { ...oneOfEach.AllRevoked, v: 2 } }), 'version'],
  ['one for no reason', said({ ...revocation(), event: { ...oneOfEach.AllRevoked, reason: '' } }), 'malformed']
]

describe('bytes of anybody', () => {
  it('never make it throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
      for (const [, codec] of both) expect(refusals).toContain(codec.decode(bytes))
    }))
  })

  it('never make it throw behind a good first line either', () => {
    const anyBody = fc.oneof(fc.uint8Array({ maxLength: 500 }), fc.json().map((json) => Buffer.from(json)),
      fc.dictionary(fc.constantFrom('from', 'kind', 'event', 'position', 'appliedAt', 'acknowledge', 'command', 'wall'),
        fc.oneof(fc.jsonValue(), fc.constantFrom('revocation', 'news', 'applied', 'heartbeat', ['n', 'i', 1])))
        .map((fields) => Buffer.from(JSON.stringify(fields))))
    fc.assert(fc.property(anyBody, (bytes) => {
      for (const [, codec, secretOf] of both) {
        const decoded = codec.decode(seal(bytes, secretOf === undefined ? {} : { key: secretOf }))
        if (typeof decoded === 'string') expect(refusals).toContain(decoded)
        else expect(codec.decode(bytesOf(codec, decoded.message, decoded.from))).toEqual(decoded)
      }
    }), { numRuns: 1_000 })
  })

  it.each(cases)('are refused by reason: %s', (_, bytes, reason) => {
    expect(open.decode(bytes)).toBe(reason)
  })

  it('leave no trace in what all objects share', () => {
    const event = `{"__proto__":{"polluted":true},${JSON.stringify(oneOfEach.AllRevoked).slice(1)}`
    const decoded = open.decode(seal(
      `{"from":["a","i",1],"kind":"revocation","appliedAt":[],"acknowledge":true,"event":${event}}`))
    expect(typeof decoded).toBe('object')
    expect(Object.keys((decoded as { message: { event: object } }).message.event)).not.toContain('__proto__')
    expect('polluted' in {}).toBe(false)
  })
})

describe('a node', () => {
  it('with a key takes nothing that was made without it, with another, or for another cluster or version', () => {
    const text = body(goodbye)
    const good = Buffer.from(seal(text, { key: secret })).toString()
    const changed = (from: string, to: string) => Buffer.from(good.replace(from, to))
    expect(typeof keyed.decode(seal(text, { key: secret }))).toBe('object')
    expect(keyed.decode(seal(text))).toBe('unauthenticated')
    expect(keyed.decode(seal(text, { key: 'another key, just as long as it..' }))).toBe('unauthenticated')
    expect(makeCodec('shop2', key).decode(changed('shop', 'shop2'))).toBe('unauthenticated')
    expect(keyed.decode(changed(' key ', ' sum '))).toBe('unauthenticated')
    expect(keyed.decode(changed('goodbye', 'goodbyd'))).toBe('unauthenticated')
  })

  it('without a key takes nothing that was made with one', () => {
    expect(open.decode(seal(body(goodbye), { key: secret }))).toBe('unauthenticated')
  })

  it('refuses a body before it reads it, if it is not authentic', () => {
    expect(keyed.decode(seal('{"not json', { key: 'another key, just as long as it..' }))).toBe('unauthenticated')
  })
})

describe('the broadcast can only take away (I3)', () => {
  const ends = (event: DomainEvent): boolean => event.type === 'SessionEnded' || isWideRevocation(event)

  it.each(Object.values(oneOfEach).map((event) => [event.type, event] as const))('%s', (_, event) => {
    expect(decodeEvent(event)).toEqual(event)
    const decoded = open.decode(seal(body({ kind: 'revocation', event, appliedAt: [41], acknowledge: true })))
    if (ends(event)) expect(decoded).toMatchObject({ message: { kind: 'revocation', event } })
    else expect(decoded).toBe('malformed')
  })

  it('also where an event says that it may be skipped', () => {
    const event = { ...oneOfEach.SessionStarted, ignorable: true }
    expect(open.decode(seal(body({ kind: 'revocation', event, appliedAt: [], acknowledge: true })))).toBe('malformed')
  })
})

describe('what cannot be sent', () => {
  it('is told, and nothing of what stood in it', () => {
    const event = { ...oneOfEach.SubjectRevoked, subject: '' }
    expect(open.encode(revocation(event), sender)).toEqual({ unfit: 'a SubjectRevoked that does not have its form' })
  })

  it('is what nobody would take', () => {
    const large = position(Array.from({ length: 4_096 }, () => Number.MAX_SAFE_INTEGER))
    expect(open.encode({ kind: 'news', position: large }, sender)).toHaveProperty('unfit')
    const fits = position(Array.from({ length: 3_000 }, () => Number.MAX_SAFE_INTEGER))
    expect(open.decode(bytesOf(open, { kind: 'news', position: fits }))).toMatchObject({ message: { position: fits } })
  })
})
