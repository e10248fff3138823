import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DomainEvent, isWideRevocation, orderingKey, schemaVersion } from '../../../core/domain/events.ts'
import { upcast } from '../../../core/domain/upcast.ts'
import { decodeEvent, decodeText, encodeText, type Unreadable } from '../../../core/log/codec.ts'
import { attributes, event as anyEvent, events } from '../../support/arbitraries.ts'
import { active, allRevoked, changed, ended, sessionId, started, subjectRevoked, t0, tenantRevoked } from './story.ts'

const kinds = Object.keys(events) as ReadonlyArray<keyof typeof events>
const unreadable = (concerns: Unreadable['concerns']) => expect.objectContaining({ type: 'Unreadable', concerns })
const raw = (event: DomainEvent) => JSON.parse(encodeText(event)) as Record<string, unknown>

describe('an event', () => {
  it('is of one of the kinds that have arbitraries', () => {
    expect(DomainEvent.members.map((member) => member.fields.type.literal).sort()).toEqual([...kinds].sort())
  })

  it.each(kinds)('of the kind %s comes back from its text as it was', (kind) => {
    fc.assert(fc.property(events[kind] as fc.Arbitrary<DomainEvent>, (event) => {
      const text = encodeText(event)
      expect(decodeText(text)).toEqual(event)
      expect(encodeText(decodeText(text) as DomainEvent)).toBe(text)
    }))
  })

  it('of version 1 is not changed by the upcast', () => {
    fc.assert(fc.property(anyEvent, (event) => { expect(upcast(event)).toBe(event) }))
  })

  it('has one place in the order of its subject, of all, or none', () => {
    fc.assert(fc.property(anyEvent, (event) => {
      const key = orderingKey(event)
      if (event.type === 'SubjectRevoked') expect(key).toEqual({ key: event.subject })
      else if (isWideRevocation(event) || event.type === 'NodeAnnounced') expect(key).toBe('every')
      // Whether an idle end holds depends on the activity that stands before it: they must stand in one order.
      else if (event.type === 'ActivityRecorded') expect(key).toBe('every')
      else if (event.type === 'LogCopyStarted' || event.type === 'LogCopyFinished' || event.type === 'LogSealed') {
        expect(key).toBe('every')
      }
      else if (event.type === 'AnomalyDetected') expect(key).toBe('any')
      else expect(key).toEqual({ key: event.subject ?? event.session })
    }))
  })

  it('that its schema refuses is not written', () => {
    const bad: ReadonlyArray<[keyof DomainEvent | string, unknown]> = [
      ['at', -1], ['at', 1.5], ['at', NaN], ['at', 2 ** 48], ['by', ''], ['by', 'x'.repeat(257)], ['command', ''],
      ['command', 'a b'],
      ['session', 'x'], ['subject', ''], ['digest', 'A'.repeat(42) + 'B'], ['digest', 'A'.repeat(44)],
      ['limits', { idle: 1_000, absolute: Infinity, renew: null }],
      ['attributes', []], ['attributes', { a: NaN }], ['attributes', { a: () => 1 }], ['v', 2]
    ]
    for (const [field, value] of bad) {
      expect(() => encodeText({ ...started(), [field]: value } as DomainEvent), `${field}: ${String(value)}`).toThrow()
    }
    expect(() => encodeText(changed({}, t0, { expects: 0 }))).toThrow()
    expect(() => encodeText(active(...Array.from({ length: 10_001 }, () => [sessionId(1), t0] as const)))).toThrow()
    expect(() =>
      encodeText(subjectRevoked(t0, { except: Array.from({ length: 65 }, (_, i) => sessionId(i)) }))).toThrow()
  })
})

describe('an event that cannot be read', () => {
  const newer = { v: schemaVersion + 1 }
  const session = sessionId(1)
  it.each<[string, Record<string, unknown>, Unreadable['concerns']]>([
    ['of a newer version, of a session', { ...raw(ended('logout', t0)), ...newer }, 'session'],
    ['of a newer version, of a session, that decodes by chance', { ...raw(started()), ...newer }, 'session'],
    ['of a newer version, wide', { ...raw(tenantRevoked(t0)), ...newer }, 'everything'],
    ['of a newer version, of many sessions', { ...raw(active([session, t0])), ...newer }, 'everything'],
    ['of a newer version, ignorable', { ...raw(allRevoked(t0)), ...newer, ignorable: true }, 'nothing'],
    ['of a newer version, ignorable, of a session', { ...raw(ended('logout', t0)), ...newer, ignorable: true },
      'nothing'],
    ['of a newer version, said to be ignorable otherwise', { ...raw(allRevoked(t0)), ...newer, ignorable: 'true' },
      'everything'],
    ['of an unknown kind, of a session', { v: 1, type: 'SessionFrozen', session }, 'session'],
    ['of an unknown kind, wide', { v: 1, type: 'NetworkRevoked' }, 'everything'],
    ['of an unknown kind, with what is no session', { v: 1, type: 'NetworkRevoked', session: 'all' }, 'everything'],
    ['of an unknown kind, with no session', { v: 1, type: 'NetworkRevoked', session: null }, 'everything'],
    ['of an unknown kind, ignorable', { v: 1, type: 'SessionPraised', session, ignorable: true }, 'nothing'],
    ['of a kind that any object has', { v: 1, type: 'constructor', session }, 'session'],
    ['damaged', { ...raw(started()), digest: 'x' }, 'everything'],
    ['damaged, and marked as ignorable', { ...raw(started()), digest: 'x', ignorable: true }, 'everything'],
    ['damaged, of a kind that is ignorable', { v: 1, type: 'AnomalyDetected', ignorable: true }, 'everything'],
    ['without a version', { ...raw(ended('logout', t0)), v: undefined }, 'everything'],
    ['with a version that is text', { ...raw(ended('logout', t0)), v: '2' }, 'everything'],
    ['of a version before the first', { ...raw(ended('logout', t0)), v: 0 }, 'everything'],
    ['of a version far below', { ...raw(ended('logout', t0)), v: -1e308 }, 'everything'],
    ['without a kind', { v: 2, session }, 'everything'],
    ['of a kind that is no text', { v: 2, type: ['SessionEnded'], session }, 'everything']
  ])('%s', (_, record, concerns) => {
    expect(decodeEvent(record)).toEqual(unreadable(concerns))
  })

  it.each(['', ' ', '{', 'null', '1', '"text"', '[]', '[{}]', '{}', '{"v":1}', '\0', `${'['.repeat(50_000)}`,
    'undefined', '{"v":1,"v":2}'])(
    'is the text %j', (text) => {
      expect(decodeText(text.slice(0, 100_000))).toEqual(unreadable('everything'))
    })

  it('is any other value, and reading it never throws', () => {
    fc.assert(fc.property(fc.anything(), (value) => { expect(decodeEvent(value)).toEqual(unreadable('everything')) }))
  })

  it('is a record with one field damaged: never another event, unless the field may hold that too', () => {
    const damage = fc.tuple(anyEvent, fc.nat(), fc.oneof(fc.constant(undefined), fc.jsonValue()))
    fc.assert(fc.property(damage, ([event, which, value]) => {
      const record = raw(event)
      const field = Object.keys(record)[which % Object.keys(record).length]!
      const read = decodeEvent({ ...record, [field]: value })
      if (read.type === 'Unreadable') return
      // What no schema names is left out of a struct.
      const rest = { ...event, [field]: undefined }
      expect({ ...read, [field]: undefined }).toEqual(rest)
      expect({ [field]: value }).toMatchObject({ [field]: read[field as keyof typeof read] })
    }), { numRuns: 500 })
  })

  it('is told without repeating what stood in it', () => {
    const secret = 'hunter2-hunter2-hunter2'
    const records: readonly unknown[] = [
      secret, [secret], { [secret]: secret }, { v: 1, type: secret, session: secret },
      { v: 2, type: secret, session: sessionId(1) },
      ...kinds.flatMap((kind) => {
        const [event] = fc.sample(events[kind] as fc.Arbitrary<DomainEvent>, 1)
        return Object.keys(event!).filter((field) => field !== 'type').flatMap((field) => [
          { ...event, [field]: secret.repeat(20) }, { ...event, [field]: { [secret]: secret } },
          { ...event, [field]: [secret, { a: secret }] }
        ])
      })
    ]
    for (const record of records) {
      const read = decodeEvent(record)
      if (read.type === 'Unreadable') expect(read.detail).not.toContain('hunter2')
    }
    expect(decodeText(`{"${secret}`)).toEqual(unreadable('everything'))
    expect(JSON.stringify(decodeText(`{"${secret}`))).not.toContain('hunter2')
  })

  it('is told without repeating the keys of the app, when a number in its data is none', () => {
    const text = encodeText(started({ attributes: { hunter2: { password: 7.25 } } })).replace('7.25', '1e999')
    const read = decodeText(text)
    expect(read).toEqual(unreadable('everything'))
    expect(JSON.stringify(read)).not.toContain('hunter2')
  })

  it('may nest as deep as a record can', () => {
    const deep = (open: string, close: string) => encodeText(started({ attributes: { a: 7.25 } }))
      .replace('7.25', open.repeat(200_000) + (close === '}' ? '1' : '') + close.repeat(200_000))
    for (const text of [deep('[', ']'), deep('{"a":', '}')]) expect(() => decodeText(text)).not.toThrow()
  })
})

describe('the data of the app in an event', () => {
  it('comes back as it was, and has no prototype but an object\'s or none', () => {
    fc.assert(fc.property(attributes, (value) => {
      const read = decodeText(encodeText(started({ attributes: value })))
      expect(read).toMatchObject({ attributes: value })
    }))
  })

  it('changes no prototype by __proto__', () => {
    const text = encodeText(started({ attributes: { a: 7.25 } })).replace('"a":7.25',
      '"__proto__":{"admin":true},"a":{"__proto__":{"admin":true}}')
    const read = decodeText(text) as { attributes?: { admin?: true; a?: { admin?: true } } }
    expect(read.attributes?.admin).toBeUndefined()
    expect(read.attributes?.a?.admin).toBeUndefined()
    expect(({} as { admin?: true }).admin).toBeUndefined()
  })
})
