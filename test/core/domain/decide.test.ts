import { describe, expect, it } from 'vitest'
import { attributesLengthMax } from '../../../core/domain/attributes.ts'
import type { Change, Confirm, End, Reauthenticate, Rotate, Standing } from '../../../core/domain/commands.ts'
import type { DomainEvent, EndReason, SessionStarted } from '../../../core/domain/events.ts'
import type { SessionId } from '../../../core/domain/ids.ts'
import { given } from '../../support/spec.ts'
import {
  aal1, aal2At, changed, confirmed, digest, ended, grace, limits, live, minute, rotated, sessionId, start, started,
  steppedUp,
  t0, writer
} from './story.ts'

const at = t0 + minute
const by = writer(at, 'a', 'now')
const stamp = { v: 1, at, by: 'a', command: by.command } as const

const rotate = (token: string, graceMs = grace): Rotate => ({ type: 'Rotate', digest: digest(token), graceMs })
const stepUp = (token: string): Reauthenticate =>
  ({ type: 'Reauthenticate', digest: digest(token), graceMs: grace, authentication: aal2At(at) })
const confirm = (token: string): Confirm => ({ type: 'Confirm', digest: digest(token) })
const change = (patch: unknown, ifVersion: number | null = null): Change =>
  ({ type: 'Change', patch: patch as Change['patch'], ifVersion })
const end = (reason: EndReason, actor: string | null = null): End => ({ type: 'End', reason, actor })

describe('Start', () => {
  const standing = (...ids: readonly number[]): readonly Standing[] =>
    ids.map((n) => ({ id: sessionId(n), tenant: n % 2 === 0 ? null : 'shop' }))
  const evicted = (n: number): DomainEvent =>
    ended('evicted', at, { ...stamp, session: sessionId(n), tenant: n % 2 === 0 ? null : 'shop' })
  const begun = (over: Parameters<typeof started>[0] = {}) => started({ ...stamp, ...over })

  it('of a new session writes its start', () => {
    given().when(start(), by).then(begun())
  })

  it('on a live session ends that one first and carries its attributes over, the new ones merged on top', () => {
    const anonymous = { session: sessionId(7), subject: null, tenant: null }
    given(started({ ...anonymous, attributes: { cart: [1, 2], theme: 'dark', seen: { a: 1, b: 2 } } }))
      .when(start({ attributes: { theme: null, seen: { b: 3 } } }), by)
      .then(
        ended('superseded', at, { ...stamp, ...anonymous }),
        begun({ attributes: { cart: [1, 2], seen: { a: 1, b: 3 } }, continues: sessionId(7) })
      )
  })

  it('on a session that has ended neither ends it again nor carries anything over', () => {
    given(started({ session: sessionId(7), attributes: { cart: [1] } }), ended('logout', t0, { session: sessionId(7) }))
      .when(start(), by).then(begun())
  })

  it.each<[string, Partial<SessionStarted>, number, boolean]>([
    ['an anonymous session', { subject: null, tenant: null }, 0, true],
    ['an anonymous session of another tenant', { subject: null, tenant: 'mall' }, 0, false],
    ['a session of the same subject', {}, 0, true],
    ['a session of another subject', { subject: 'bob' }, 0, false],
    ['a session of that name in another tenant', { tenant: 'mall' }, 0, false],
    ['a session of that name in no tenant', { tenant: null }, 0, true],
    ['a session one ms before its idle limit', {}, limits.idle - 1, true],
    ['a session at its idle limit', {}, limits.idle, false],
    ['a session at its absolute limit', {}, limits.absolute, false]
  ])('on %s ends it, and passes its attributes on only to whom they belong', (_, over, after, passes) => {
    const before = { session: sessionId(7), attributes: { cart: [1] }, ...over }
    const as = writer(t0 + after, 'a', 'now')
    const { session, subject = 'ada', tenant = 'shop' } = before
    given(started(before)).when(start({ attributes: { b: 1 } }), as).then(
      ended('superseded', as.at, { command: as.command, session, subject, tenant }),
      started({ at: as.at, command: as.command, attributes: passes ? { cart: [1], b: 1 } : { b: 1 },
        continues: session }))
  })

  it.each([
    { standing: 0, max: 1, evicted: [] }, { standing: 1, max: 1, evicted: [11] }, { standing: 1, max: 2, evicted: [] },
    { standing: 2, max: 2, evicted: [11] }, { standing: 3, max: 1, evicted: [11, 12, 13] },
    { standing: 3, max: 2, evicted: [11, 12] }
  ])('of $standing standing and at most $max evicts the oldest: $evicted', ({ standing: n, max, evicted: out }) => {
    given()
      .when(start({ standing: standing(...[11, 12, 13].slice(0, n)), cap: { max, onTooMany: 'end-oldest' } }), by)
      .then(...out.map(evicted), begun())
  })

  it.each([
    { count: 0, max: 1, ok: true }, { count: 1, max: 1, ok: false }, { count: 1, max: 2, ok: true },
    { count: 5, max: 2, ok: false }
  ])('with refuse, $count standing and at most $max: allowed is $ok', ({ count, max, ok }) => {
      const outcome = given().when(
        start({ standing: standing(...[11, 12, 13, 14, 15].slice(0, count)), cap: { max, onTooMany: 'refuse' } }), by)
      if (ok) outcome.then(begun())
      else outcome.thenRejected('TooManySessions', { max })
    })

  it('of an anonymous session knows no cap', () => {
    const cap = { max: 1, onTooMany: 'refuse' } as const
    given().when(start({ subject: null, standing: standing(11, 12), cap }), by).then(begun({ subject: null }))
  })

  it('that is refused writes nothing, not even the end of the session that it continues', () => {
    given(started({ session: sessionId(7), attributes: { a: 'x'.repeat(3_000) } }))
      .when(start({ attributes: { b: 'x'.repeat(3_000) } }), by).thenRejected('AttributesTooLarge')
  })

  it('refuses attributes that are no JSON, also where a merge would drop them', () => {
    const bad = JSON.parse('{"__proto__":{"admin":true}}')
    given().when(start({ attributes: bad }), by).thenRejected('AttributesInvalid')
    given(started({ session: sessionId(7) })).when(start({ attributes: bad }), by).thenRejected('AttributesInvalid')
  })
})

describe('Rotate and Reauthenticate', () => {
  it.each([['a new session', [started()], 1], ['a changed one', [started(), changed({ a: 1 })], 2]] as const)(
    'of %s expect the version that was read', (_, events, expects) => {
      given(...events).when(rotate('second'), by).then(rotated('second', expects, at, stamp))
      given(...events).when(stepUp('second'), by).then(steppedUp('second', expects, at, stamp))
    })

  it('replace a pending token of an earlier rotation once its grace is over', () => {
    const rotatedOnce = given(started(), rotated('second', 1, at - grace))
    rotatedOnce.when(rotate('third'), by).then(rotated('third', 2, at, stamp))
    rotatedOnce.when(stepUp('third'), by).then(steppedUp('third', 2, at, stamp))
  })

  it('conflict with one whose answer may be under way, but for a step-up', () => {
    const underWay = given(started(), rotated('second', 1, at - grace + 1))
    underWay.when(rotate('third'), by).thenRejected('Conflict', { actual: 2 })
    underWay.when(stepUp('third'), by).then(steppedUp('third', 2, at, stamp))
  })

  it.each([
    ['one ms after it', 1, false], ['one ms before its grace is over', grace - 1, false],
    ['when its grace is over', grace, true], ['before it, by the clock', -minute, false]
  ])('keep a step-up that was not presented from a rotation %s', (_, later, replaced) => {
    const when = at + later
    const outcome = given(started(), steppedUp('second', 1, at)).when(rotate('third'), writer(when, 'a', 'now'))
    if (replaced) outcome.then(rotated('third', 2, when, { command: by.command }))
    else outcome.thenRejected('Conflict', { actual: 2 })
  })

  it.each([
    ['later than the login', aal2At(at)], ['at the same ms', { ...aal1, level: 'aal2' }],
    ['by a node whose clock is behind', aal2At(t0 - minute)],
    ['with other methods alone', { ...aal1, methods: ['passkey'] }],
    ['with the same means again', { ...aal1, at }]
  ])('keep a step-up %s', (_, authentication) => {
    given(started(), steppedUp('second', 1, at, { authentication })).when(rotate('third'), by).thenRejected('Conflict')
  })

  it('let a further step-up replace one that was not presented', () => {
    given(started(), steppedUp('second', 1, at)).when(stepUp('third'), by).then(steppedUp('third', 2, at, stamp))
  })

  it('let a rotation follow a step-up that was presented', () => {
    given(started(), steppedUp('second', 1, at), confirmed('second', at))
      .when(rotate('third'), by).then(rotated('third', 3, at, stamp))
  })
})

describe('Confirm', () => {
  const replaced = given(started(), rotated('second', 1, t0), rotated('third', 2, t0 + minute))
  const words = { v: 1, by: 'a', command: by.command } as const

  it('of a pending token writes it, at any time', () => {
    given(started(), rotated('second', 1, t0)).when(confirm('second'), by)
      .then({ ...confirmed('second', at), ...stamp })
    replaced.when(confirm('third'), by).then({ ...confirmed('third', at), ...stamp })
  })

  it('of a pending token that another replaced writes it within its grace, and nothing from then on', () => {
    const last = t0 + minute + grace - 1
    replaced.when(confirm('second'), writer(last, 'a', 'now')).then({ ...confirmed('second', last), ...words })
    replaced.when(confirm('second'), writer(last + 1, 'a', 'now')).thenNothing()
  })

  it.each(['first', 'never'])('of the token %s writes nothing', (token) => {
    replaced.when(confirm(token), by).thenNothing()
  })

  it('of one that was confirmed before writes nothing', () => {
    given(started(), rotated('second', 1, t0), confirmed('second', t0)).when(confirm('second'), by).thenNothing()
  })
})

describe('Change', () => {
  it('writes the patch, and expects a version only where one was asked for', () => {
    given(started()).when(change({ a: 1, b: null }), by).then(changed({ a: 1, b: null }, at, stamp))
    given(started()).when(change({ a: 1 }, 1), by).then(changed({ a: 1 }, at, { ...stamp, expects: 1 }))
  })

  it.each([0, 2])('on version 1 that asks for version %d is a conflict', (ifVersion) => {
    given(started()).when(change({ a: 1 }, ifVersion), by).thenRejected('Conflict', { expected: ifVersion, actual: 1 })
  })

  it('may bring the attributes to their greatest length, and not past it', () => {
    const room = attributesLengthMax - JSON.stringify({ a: 'x', b: '' }).length
    given(started({ attributes: { a: 'x' } })).when(change({ b: 'y'.repeat(room) }), by)
      .then(changed({ b: 'y'.repeat(room) }, at, stamp))
    given(started({ attributes: { a: 'x' } })).when(change({ b: 'y'.repeat(room + 1) }), by)
      .thenRejected('AttributesTooLarge')
  })

  it('may make room where a session is full', () => {
    const full = { a: 'x'.repeat(attributesLengthMax - '{"a":""}'.length) }
    given(started({ attributes: full })).when(change({ a: null, b: 1 }), by).then(changed({ a: null, b: 1 }, at, stamp))
  })

  it.each([undefined, null, [], 'text', 7, { a: undefined }, { a: 1n }, { a: NaN }, { a: [,] }, { a: new Date(0) }])(
    'refuses a patch that is no JSON object: %s', (patch) => {
      given(started()).when(change(patch), by).thenRejected('AttributesInvalid')
    })

  it('writes what it checked, whatever becomes of the object of the app', () => {
    let reads = 0
    const list = Object.assign([1], { toJSON: () => 'boo' })
    const patch = { get a() { return ++reads }, list }
    const outcome = given(started()).when(change(patch), by)
    list.push(2)
    outcome.then(changed({ a: 1, list: [1] }, at, stamp))
    expect(reads).toBe(1)
  })
})

describe('End', () => {
  const reasons: readonly EndReason[] = [
    'logout', 'revoked', 'idle', 'absolute', 'superseded', 'token-reuse', 'evicted', 'migrated'
  ]
  it.each(reasons)('writes %s', (reason) => {
    given(started()).when(end(reason), by).then(ended(reason, at, stamp))
  })

  it('says on whose order', () => {
    given(started()).when(end('revoked', 'admin'), by).then(ended('revoked', at, { ...stamp, actor: 'admin' }))
  })

  it('of a session that has ended, or never was, writes nothing', () => {
    given(started(), ended('logout', t0)).when(end('revoked'), by).thenNothing()
    given().when(end('revoked'), by).thenNothing()
  })
})

describe('Everything else', () => {
  it.each([rotate('x'), stepUp('x'), confirm('first'), change({})])('finds no session where none is live: %j',
    (command) => {
    given().when(command, by).thenRejected('NotFound')
    given(started(), ended('logout', t0)).when(command, by).thenRejected('NotFound')
  })

  it('names the session that it read, whatever the command says of others', () => {
    const other: SessionId = sessionId(9)
    const state = given(started({ session: other, subject: null, tenant: null }))
    expect(live(state.state).id).toBe(other)
    state.when(rotate('x'), by).then(rotated('x', 1, at, { ...stamp, session: other, subject: null, tenant: null }))
  })
})
