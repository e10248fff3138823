import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DomainEvent, SessionStarted } from '../../core/domain/events.ts'
import type { CommandId, Digest, SessionId } from '../../core/domain/ids.ts'
import { digestOf } from '../../core/domain/token.ts'
import type { Session } from '../../core/domain/verdict.ts'
import { position } from '../../core/log/position.ts'
import { makeIndex, type IndexOptions } from '../../projections/validity/validity.ts'
import { startOfTime } from './driver.ts'
import { craftedDigest, idAt, pairedTokens, tokens } from './tokens.ts'

const limits = { idle: 60_000, absolute: 600_000, renew: 30_000 }

/** An index with the log that it folds. */
const world = (options: Partial<IndexOptions> = {}) => {
  const told: string[] = []
  const index = makeIndex({
    initialCapacity: 4,
    ...options,
    events: {
      onPendingPresented: (id) => { told.push(`presented ${id}`) },
      onReuse: (id) => { told.push(`reuse ${id}`) },
      onEnded: (id, reason) => { told.push(`ended ${id} ${reason}`) },
      onReturn: (id) => { told.push(`return ${id}`) }
    }
  })
  let offset = 0
  let commands = 0
  const envelope = (at: number) => ({ v: 1, at, by: 'node', command: `c${commands++}` as CommandId } as const)
  const append = (event: DomainEvent) => index.apply({ partition: 0, offset: offset++, event })
  const start = (i: number, more: Partial<SessionStarted> = {}) => append({
    type: 'SessionStarted', ...envelope(startOfTime), session: idAt(i), subject: `subject ${i}`, tenant: null,
    digest: digestOf(tokens()[i]!), limits, authentication: { level: 'aal1', methods: ['password'], at: startOfTime },
    device: null, attributes: {}, continues: null, ...more
  })
  const of = (i: number) => ({ session: idAt(i), subject: `subject ${i}`, tenant: null })
  const endNow = (i: number) => append({ type: 'SessionEnded', ...envelope(startOfTime), ...of(i), reason: 'logout' })
  const rotate = (i: number, expects: number, digest: Digest, at = startOfTime) =>
    append({ type: 'TokenRotated', ...envelope(at), ...of(i), expects, digest, graceMs: 5_000 })
  const patch = (i: number, attributes: Record<string, string>) =>
    append({ type: 'AttributesChanged', ...envelope(startOfTime), ...of(i), patch: attributes })
  const sweep = (now: number) => {
    for (let i = 0; i < 100_000; i++) if (index.sweep(now, 64).wrapped) return
    throw new Error('the sweep does not come round')
  }
  return { index, told, envelope, append, start, of, endNow, rotate, patch, sweep }
}

const plain = (session: Session): unknown => JSON.parse(JSON.stringify(session))
const reasonOf = (verdict: ReturnType<ReturnType<typeof makeIndex>['check']>) => verdict.ok ? 'ok' : verdict.reason

describe('check', () => {
  test('answers for any value', () => {
    const { index, start } = world()
    for (let i = 0; i < 40; i++) start(i)
    const oddToken = fc.string({ unit: 'binary', minLength: 40, maxLength: 60 })
    const long = fc.integer({ min: 50, max: 54 }).map((length) => '\ud800'.repeat(length))
    const hostile = fc.constantFrom<unknown>(
      Symbol('token'), new Proxy({}, { get: () => { throw new Error('looked at') } }), new String(tokens()[0]),
      { toString: () => tokens()[0] }, [tokens()[0]], 52n, () => tokens()[0], 'é'.repeat(52), '!'.repeat(52),
      `${tokens()[0]}=`,
      tokens()[0]!.slice(1), ` ${tokens()[0]!.slice(1)}`, tokens()[0]!.toLowerCase(), 'x'.repeat(1e6)
    )
    const any = fc.oneof(fc.anything(), oddToken, long, hostile)
    fc.assert(fc.property(any, fc.double(), fc.boolean(), (value, now, touch) => {
      expect(['malformed', 'unknown']).toContain(reasonOf(index.check(value, now, touch)))
      expect(index.peek(value as string, now)).toBeUndefined()
      expect(index.get(value as string, now)).toBeUndefined()
    }), { numRuns: 600 })
  }, 60_000)

  test('tells a malformed token from an unknown one', () => {
    const { index } = world()
    expect(reasonOf(index.check('A'.repeat(52), startOfTime, true))).toBe('unknown')
    expect(reasonOf(index.check('A'.repeat(51) + '!', startOfTime, true))).toBe('unknown')
    expect(reasonOf(index.check('日'.repeat(52), startOfTime, true))).toBe('unknown')
    expect(reasonOf(index.check('A'.repeat(51), startOfTime, true))).toBe('malformed')
  })

  test('holds the whole digest against the table', () => {
    const { index, start } = world()
    for (let i = 0; i < pairedTokens; i += 2) start(i)
    for (let i = 0; i < pairedTokens; i++) {
      expect(digestOf(tokens()[i]!).slice(0, 5)).toBe(digestOf(tokens()[i - i % 2]!).slice(0, 5))
      expect(reasonOf(index.check(tokens()[i]!, startOfTime, true)), `token ${i}`).toBe(i % 2 === 0 ? 'ok' : 'unknown')
    }
  })

  test('finds each of many digests that differ in one word only', () => {
    const { index, start, endNow, sweep } = world()
    const digests = Array.from({ length: 200 }, (_, i) => craftedDigest(0xffffffff, 1, 1, 1, 1, 1, i % 2, i))
    digests.forEach((digest, i) => start(i, { digest }))
    digests.forEach((digest, i) => expect(index.find(digest)?.session.id).toBe(idAt(i)))
    for (let i = 0; i < 200; i += 3) endNow(i)
    sweep(startOfTime + 600_001)
    digests.forEach((digest, i) => expect(index.find(digest)?.session.id).toBe(i % 3 === 0 ? undefined : idAt(i)))
    expect(index.find(craftedDigest(0xffffffff, 1, 1, 1, 1, 1, 0, 999))).toBeUndefined()
  })

  test('refuses at the deadline, and not before', () => {
    const { index, start } = world()
    start(0)
    expect(reasonOf(index.check(tokens()[0], startOfTime + 59_999, false))).toBe('ok')
    expect(reasonOf(index.check(tokens()[0], startOfTime + 60_000, false))).toBe('idle')
    start(1, { limits: { idle: 600_000, absolute: 600_000, renew: null } })
    expect(reasonOf(index.check(tokens()[1], startOfTime + 599_999, true))).toBe('ok')
    expect(reasonOf(index.check(tokens()[1], startOfTime + 600_000, true))).toBe('absolute')
  })

  test('holds times past the low 32 bits and between two ms', () => {
    const { index, start } = world()
    const at = 2 ** 32 * 500 - 10
    start(0, { at, authentication: { level: 'aal1', methods: [], at } })
    expect(reasonOf(index.check(tokens()[0], at + 20.5, true))).toBe('ok')
    expect(index.get(idAt(0), at + 21)?.lastSeenAt).toBe(at + 20)
    expect(reasonOf(index.check(tokens()[0], at + 20 + 59_999.5, false))).toBe('ok')
    expect(reasonOf(index.check(tokens()[0], at + 20 + 60_000, false))).toBe('idle')
  })

  test('a presentation that led to nothing is told again after a while, and one that was confirmed is not', () => {
    const { index, told, start, rotate, append, envelope, of } = world()
    start(0)
    rotate(0, 1, digestOf(tokens()[1]!))
    const present = (at: number) => reasonOf(index.check(tokens()[1], startOfTime + at, true))
    for (const at of [1, 2, 9_999, 10_001, 10_002]) expect(present(at)).toBe('ok')
    expect(told).toEqual([`presented ${idAt(0)}`, `presented ${idAt(0)}`])
    append({ type: 'TokenConfirmed', ...envelope(startOfTime + 10_002), ...of(0), digest: digestOf(tokens()[1]!) })
    expect(present(30_000)).toBe('ok')
    expect(told.length).toBe(2)
  })

  test('a node that cannot read an event of a session refuses it, also when it starts later', () => {
    const { index, told, start } = world()
    start(0)
    index.watch(idAt(0), true)
    const unreadable = (session: SessionId) =>
      ({ type: 'Unreadable', concerns: 'session', session, detail: 'newer' } as const)
    index.apply({ partition: 0, offset: 10, event: unreadable(idAt(0)) })
    index.apply({ partition: 0, offset: 11, event: unreadable(idAt(1)) })
    index.apply({ partition: 0, offset: 12, event: { type: 'Unreadable', concerns: 'nothing', detail: 'audit' } })
    expect(index.distrust()).toEqual([])
    expect(index.notes().unreadable).toEqual(['newer', 'audit'])
    index.apply({ partition: 0, offset: 13, event: { type: 'Unreadable', concerns: 'everything', detail: 'not JSON' } })
    expect(index.distrust()).toEqual(['not JSON'])
    const late: SessionStarted = {
      v: 1, type: 'SessionStarted', at: startOfTime, by: 'node', command: 'c' as CommandId, session: idAt(1),
      subject: null, tenant: null, digest: digestOf(tokens()[1]!), limits, device: null, attributes: {},
      continues: null,
      authentication: { level: 'aal1', methods: [], at: startOfTime }
    }
    expect(index.apply({ partition: 0, offset: 14, event: late })).toBe('applied')
    expect(reasonOf(index.check(tokens()[0], startOfTime, true))).toBe('ended')
    expect(reasonOf(index.check(tokens()[1], startOfTime, true))).toBe('ended')
    expect(told).toEqual([`ended ${idAt(0)} revoked`])
  })
})

describe('the fold', () => {
  test('asks for renewal of the token that is current, by its own age', () => {
    const { index, start, rotate, append, envelope, of } = world()
    const renewal = (i: number, at: number) => {
      const verdict = index.check(tokens()[i], startOfTime + at, true)
      return verdict.ok && verdict.renew === true
    }
    start(0)
    expect([renewal(0, 29_999), renewal(0, 30_000)]).toEqual([false, true])
    rotate(0, 1, digestOf(tokens()[1]!), startOfTime + 40_000)
    append({ type: 'TokenConfirmed', ...envelope(startOfTime + 41_000), ...of(0), digest: digestOf(tokens()[1]!) })
    expect([renewal(1, 69_999), renewal(1, 70_000)]).toEqual([false, true])
  })

  test('hands out what was seen once, also where a row has gone to another session', () => {
    const { index, start, endNow, sweep } = world()
    start(0)
    index.check(tokens()[0], startOfTime + 5, true)
    endNow(0)
    sweep(startOfTime + 10)
    sweep(startOfTime + 600_011)
    expect(index.size()).toMatchObject({ live: 0, ended: 0 })
    start(1, { at: startOfTime + 600_000 })
    index.check(tokens()[1], startOfTime + 600_020, true)
    expect(index.takeActivity(10)).toEqual([[idAt(1), startOfTime + 600_020]])
    expect(index.takeActivity(10)).toEqual([])
  })

  test('an early wide revocation no longer concerns a partition that has brought its record', () => {
    const { index, envelope } = world()
    const started = (i: number): SessionStarted => ({
      type: 'SessionStarted', ...envelope(startOfTime), session: idAt(i), subject: null, tenant: null, limits,
      digest: digestOf(tokens()[i]!), authentication: { level: 'aal1', methods: [], at: startOfTime }, device: null,
      attributes: {}, continues: null
    })
    const all = { type: 'AllRevoked', ...envelope(startOfTime), before: null, reason: 'revoked' } as const
    const stands = (i: number) => reasonOf(index.check(tokens()[i], startOfTime, true))
    index.apply({ partition: 0, offset: 0, event: started(0) })
    // As told by a node that claims more than it can have folded.
    expect(index.applyEarly(all, position([10, 10]))).toBe(1)
    index.apply({ partition: 0, offset: 1, event: all })
    index.apply({ partition: 0, offset: 2, event: started(1) })
    index.apply({ partition: 1, offset: 0, event: started(2) })
    expect([stands(0), stands(1), stands(2)]).toEqual(['ended', 'ok', 'ended'])
    expect(index.pendingEarly().size).toBe(1)
    index.apply({ partition: 1, offset: 1, event: all })
    expect(index.pendingEarly().size).toBe(0)
    index.apply({ partition: 1, offset: 2, event: started(3) })
    expect([stands(1), stands(2), stands(3)]).toEqual(['ok', 'ended', 'ok'])
  })
})

describe('a session in the hands of the app', () => {
  test('stays what it was, whatever becomes of the session', () => {
    const { index, start, patch, endNow, sweep, rotate } = world({ blobSegmentBytes: 512 })
    for (let i = 0; i < 30; i++) start(i, { attributes: { n: i }, device: { label: `phone ${i}` }, tenant: 'north' })
    rotate(0, 1, digestOf(tokens()[100]!))
    const held = Array.from({ length: 30 }, (_, i) => index.get(idAt(i), startOfTime)!)
    const pending = index.check(tokens()[100], startOfTime, false)
    const before = held.map((session) => JSON.stringify(session))
    const unread = index.get(idAt(3), startOfTime)!
    for (let round = 0; round < 40; round++) for (let i = 0; i < 30; i++) patch(i, { text: `${round}`.repeat(20) })
    for (let i = 0; i < 30; i++) endNow(i)
    sweep(startOfTime + 1)
    sweep(startOfTime + 600_001)
    expect(index.size().live + index.size().ended).toBe(0)
    for (let i = 100; i < 130; i++) start(i)
    expect(held.map((session) => JSON.stringify(session))).toEqual(before)
    expect(JSON.stringify(unread)).toBe(before[3])
    expect(pending.ok && pending.session.attributes).toEqual({ n: 0 })
  })

  test('shows itself as a plain object, to JSON and to a person', () => {
    const { index, start } = world()
    start(0, { attributes: { a: 1 } })
    const session = index.get(idAt(0), startOfTime)!
    const wanted = {
      id: idAt(0), subject: 'subject 0', tenant: null, version: 1, startedAt: startOfTime, lastSeenAt: startOfTime,
      expiresAt: startOfTime + 60_000, authentication: { level: 'aal1', methods: ['password'], at: startOfTime },
      device: null, attributes: { a: 1 }
    }
    expect(plain(session)).toEqual(wanted)
    expect(inspect(session)).toBe(inspect(wanted))
    expect({ ...session }).toEqual({})
  })

  test('every text is kept to the code unit', () => {
    const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code))
    const text = fc.string({ unit, minLength: 1, maxLength: 60 })
    fc.assert(fc.property(fc.uniqueArray(text, { minLength: 1, maxLength: 20 }), (texts) => {
      const { index, start } = world()
      texts.forEach((subject, i) => start(i, { subject, tenant: subject }))
      texts.forEach((subject, i) => {
        expect(index.get(idAt(i), startOfTime)!.subject).toBe(subject)
        expect(index.listBySubject(subject, startOfTime).map((session) => session.id)).toEqual([idAt(i)])
        expect(index.listByTenant(subject, startOfTime).map((session) => session.tenant)).toEqual([subject])
      })
    }), { numRuns: 100 })
  })

  test('ids keep every digit, and long texts every unit', () => {
    const id = fc.uuid({ version: 7 }) as fc.Arbitrary<SessionId>
    const unit = fc.constantFrom('a', '\u00ff', '\u0100')
    const text = fc.string({ unit, minLength: 100, maxLength: 512, size: 'max' })
    const shorter = fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 40 })
    fc.assert(fc.property(id, text, shorter, (id, long, short) => {
      const { index, start } = world()
      start(0, { session: id, subject: long })
      start(1, { subject: short })
      const seen = index.check(tokens()[0], startOfTime, true)
      expect(seen.ok && [seen.session.id, seen.session.subject]).toEqual([id, long])
      const other = index.check(tokens()[1], startOfTime, true)
      expect(other.ok && [other.session.id, other.session.subject]).toEqual([idAt(1), short])
    }), { numRuns: 100 })
  })

  test('attributes of any JSON and size come back', () => {
    // The fold itself drops this one key.
    const key = fc.string().filter((name) => name !== '__proto__')
    const attributes = fc.dictionary(key, fc.jsonValue({ noUnicodeString: false }), { noNullPrototype: true })
    fc.assert(fc.property(attributes, fc.nat({ max: 40_000 }), (some, length) => {
      const { index, start, patch } = world({ blobSegmentBytes: 1_024 })
      const wanted = JSON.parse(JSON.stringify(some)) as Record<string, string>
      start(0, { attributes: { ...wanted, long: 'x'.repeat(length) } })
      expect(index.get(idAt(0), startOfTime)!.attributes).toEqual({ ...wanted, long: 'x'.repeat(length) })
      start(1, { attributes: {} })
      patch(1, { short: 'x'.repeat(length % 4_000) })
      expect(index.get(idAt(1), startOfTime)!.attributes).toEqual({ short: 'x'.repeat(length % 4_000) })
    }), { numRuns: 200 })
  })
})

describe('room', () => {
  test('comes back when sessions are gone', () => {
    const { index, start, patch, endNow, sweep } = world({ blobSegmentBytes: 4_096 })
    for (let i = 0; i < 2_000; i++) start(i, { digest: craftedDigest(Math.imul(i + 1, 0x9e3779b1), i) })
    const bytes = index.size().bytes
    for (let round = 0; round < 30; round++) for (let i = 0; i < 2_000; i += 7) patch(i, { text: `${round}` })
    expect(index.size().bytes).toBeLessThan(bytes * 1.5)
    for (let i = 0; i < 2_000; i++) expect(index.get(idAt(i), startOfTime)?.subject, `${i}`).toBe(`subject ${i}`)
    for (let i = 0; i < 2_000; i++) endNow(i)
    sweep(startOfTime + 600_000)
    expect(index.size()).toMatchObject({ live: 0, ended: 0 })
    expect(index.notes().remembered).toBe(2_000)
    for (let i = 0; i < 100; i++) sweep(startOfTime + 600_000 + 3_700_000)
    expect(index.notes().remembered).toBe(0)
    expect(index.size().bytes).toBeLessThan(bytes)
  })

  test('an ended session answers so for ten minutes, and its id does not come back before its deadline', () => {
    const { index, start, endNow, sweep } = world()
    const long = { idle: 3_600_000, absolute: 7_200_000, renew: null }
    start(0, { limits: long })
    endNow(0)
    sweep(startOfTime)
    sweep(startOfTime + 599_999)
    expect(reasonOf(index.check(tokens()[0], startOfTime + 599_999, true))).toBe('ended')
    sweep(startOfTime + 600_000)
    expect(reasonOf(index.check(tokens()[0], startOfTime + 600_000, true))).toBe('unknown')
    expect(start(0, { limits: long })).toBe('ignored')
    sweep(startOfTime + 7_200_000 + 3_600_000 - 1)
    expect(start(0, { limits: long })).toBe('ignored')
    expect(index.state(idAt(0))).toEqual({ status: 'ended', id: idAt(0), reason: 'logout' })
    sweep(startOfTime + 7_200_000 + 3_600_000 + 16_000)
    expect(index.state(idAt(0))).toEqual({ status: 'none' })
  })

  test('early ends of unseen sessions are bounded, and those refused are counted', () => {
    const { index, start, envelope } = world({ earlyMax: 3 })
    for (let i = 0; i < 5; i++) {
      index.applyEarly({
        type: 'SessionEnded', ...envelope(startOfTime), session: idAt(i), subject: null, tenant: null, reason: 'logout'
      }, position([0]))
    }
    expect(index.pendingEarly().size).toBe(3)
    expect(index.notes().earlyRefused).toBe(2)
    for (let i = 0; i < 5; i++) start(i)
    for (let i = 0; i < 5; i++) {
      expect(reasonOf(index.check(tokens()[i], startOfTime, true))).toBe(i < 3 ? 'ended' : 'ok')
    }
    // What stands is ended all the same.
    const all = { type: 'AllRevoked', ...envelope(startOfTime), before: null, reason: 'revoked' } as const
    expect(index.applyEarly(all, index.position())).toBe(2)
    expect(index.size().live).toBe(0)
  })

  test('so many command ids of wide revocations are remembered, and no more', () => {
    const { index, start, append, envelope } = world({ commandsMax: 2 })
    const revoke = (command: string) => append({
      type: 'TenantRevoked', ...envelope(startOfTime), command: command as CommandId, tenant: 'north', before: null,
      reason: 'revoked'
    })
    start(0, { tenant: 'north' })
    expect(revoke('one')).toBe('applied')
    expect(revoke('two')).toBe('applied')
    start(1, { tenant: 'north' })
    expect(revoke('one')).toBe('ignored')
    expect(reasonOf(index.check(tokens()[1], startOfTime, true))).toBe('ok')
    expect(revoke('three')).toBe('applied')
    expect(revoke('one')).toBe('applied')
  })

  test('a patch for which there is no room counts as ignored, and stays void', () => {
    const { index, start, patch } = world()
    start(0)
    const large = 'x'.repeat(3_000)
    expect(patch(0, { a: large })).toBe('applied')
    expect(patch(0, { b: large })).toBe('ignored')
    expect(index.state(idAt(0))).toMatchObject({ version: 2, attributes: { a: large }, patches: ['c2', 'c1'] })
  })
})
