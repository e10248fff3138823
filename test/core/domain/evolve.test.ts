import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attributesLengthMax } from '../../../core/domain/attributes.ts'
import type { DomainEvent, EndReason } from '../../../core/domain/events.ts'
import {
  absoluteDeadline, idleDeadline, initial, patchesMax, previousTokensMax, revokes
} from '../../../core/domain/session.ts'
import { events } from '../../support/arbitraries.ts'
import { type Given, given } from '../../support/spec.ts'
import { isOnce } from './model.ts'
import {
  aal1, aal2At, active, allRevoked, changed, command as commandId, confirmed, digest, ended, grace, hour, limits, live,
  minute, rotated, sessionId,
  type Standing, standingOf, started, steppedUp, subjectRevoked, t0, tenantRevoked, writer
} from './story.ts'

/** How each token stands at a moment. */
const tokens = (given: Given, at: number, ...names: readonly string[]): readonly Standing[] =>
  names.map((name) => standingOf(given.state, digest(name), at))
const other = sessionId(2)

describe('a start', () => {
  it('makes a session whose times all begin with it', () => {
    const session = given(started({ attributes: { a: 1 }, device: { label: 'Firefox' }, continues: other })).isLive({
      id: sessionId(1), subject: 'ada', tenant: 'shop', version: 1, startedAt: t0, lastSeenAt: t0, limits,
      pending: null,
      previous: [], device: { label: 'Firefox' }, attributes: { a: 1 }, continues: other,
      current: { digest: digest('first'), issuedAt: t0, authentication: aal1 }
    })
    expect(absoluteDeadline(session)).toBe(t0 + limits.absolute)
    expect(idleDeadline(session)).toBe(t0 + limits.idle)
  })

  it('a second time changes nothing, whatever it says', () => {
    given(started(), changed({ a: 1 }))
      .ignores(started(), started({ digest: digest('other'), at: t0 + minute, attributes: { b: 1 } }))
  })

  it('of a session that has ended does not revive it', () => {
    given(started(), ended('logout', t0)).ignores(started(), started({ at: t0 + minute, digest: digest('other') }))
  })

  it('that comes behind its own end never lives', () => {
    given(ended('logout', t0), started()).hasEnded('logout')
  })
})

describe('before its start a session', () => {
  it('is nothing, whatever is said of it or of others', () => {
    given().ignores(
      rotated('second', 1, t0), steppedUp('second', 1, t0), confirmed('first', t0), changed({ a: 1 }),
      active([sessionId(1), t0]), subjectRevoked(t0), tenantRevoked(t0), allRevoked(t0)
    )
    expect(given().state).toBe(initial)
  })
})

describe('a rotation', () => {
  const at = t0 + minute

  it('gives out a pending token; the old one stays good for as long as that is not presented', () => {
    const rotatedOnce = given(started(), rotated('second', 1, at))
    rotatedOnce.isLive({ version: 2, lastSeenAt: t0 })
    expect(tokens(rotatedOnce, at + limits.absolute, 'first', 'second')).toEqual(['current', 'pending'])
  })

  it('lets the old token end with its grace once the new one was presented', () => {
    const presentedAt = at + minute
    const presented = given(started(), rotated('second', 1, at), confirmed('second', presentedAt))
    presented.isLive({ version: 3, lastSeenAt: t0, pending: null })
    expect(tokens(presented, presentedAt + grace - 1, 'first', 'second')).toEqual(['in grace', 'current'])
    expect(tokens(presented, presentedAt + grace, 'first', 'second')).toEqual(['superseded', 'current'])
  })

  it('with no grace ends the old token at once', () => {
    const presented = given(started(), rotated('second', 1, at, { graceMs: 0 }), confirmed('second', at))
    expect(tokens(presented, at, 'first', 'second')).toEqual(['superseded', 'current'])
  })

  it.each([0, 2, 3])('that expects version %d where 1 stands is void', (expects) => {
    given(started()).ignores(rotated('second', expects, at), steppedUp('second', expects, at))
  })

  it('that is repeated is void, also behind other changes', () => {
    given(started(), rotated('second', 1, at)).ignores(rotated('second', 1, at))
    given(started(), rotated('second', 1, at), changed({ a: 1 }), confirmed('second', at))
      .ignores(rotated('second', 1, at))
  })

  it('replaces a pending token, which may be confirmed in its grace', () => {
    const twice = given(started(), rotated('second', 1, t0), rotated('third', 2, at))
    expect(tokens(twice, at + grace - 1, 'first', 'second', 'third')).toEqual(['current', 'overtaken', 'pending'])
    expect(tokens(twice, at + grace, 'first', 'second', 'third')).toEqual(['current', 'superseded', 'pending'])
  })

  it('of which the client holds the token that was overtaken goes on with that, and keeps the pending one', () => {
    const last = at + grace - 1
    const gone = given(started(), rotated('second', 1, t0), rotated('third', 2, at), confirmed('second', last))
    expect(tokens(gone, last, 'first', 'second', 'third')).toEqual(['in grace', 'current', 'pending'])
    given(started(), rotated('second', 1, t0), rotated('third', 2, at)).ignores(confirmed('second', last + 1))
  })

  it('remembers so many of the tokens that were replaced', () => {
    let all = given(started())
    for (let i = 1; i <= previousTokensMax + 1; i++) {
      all = all.and(rotated(`t${i}`, 2 * i - 1, t0 + i), confirmed(`t${i}`, t0 + i))
    }
    expect(live(all.state).previous).toHaveLength(previousTokensMax)
    expect(tokens(all, t0 + minute, 'first', 't1', `t${previousTokensMax}`))
      .toEqual(['unknown', 'superseded', 'superseded'])
  })
})

describe('a step-up', () => {
  const at = t0 + minute
  const stepped = given(started(), steppedUp('second', 1, at))

  it('is the new token\'s alone', () => {
    const session = live(stepped.state)
    expect(session.current.authentication).toEqual(aal1)
    expect(session.pending?.authentication).toEqual(aal2At(at))
  })

  it('becomes the session\'s when the new token is presented, and not the old one\'s', () => {
    const session = live(stepped.and(confirmed('second', at)).state)
    expect(session.current.authentication).toEqual(aal2At(at))
    expect(session.previous[0]?.authentication).toEqual(aal1)
  })

  it('is not inherited by the token of a rotation from the old one', () => {
    expect(live(stepped.and(rotated('third', 2, at)).state).pending?.authentication).toEqual(aal1)
  })

  it('is inherited by the token of a rotation that follows it', () => {
    const after = stepped.and(confirmed('second', at), rotated('third', 3, at), confirmed('third', at))
    expect(live(after.state).current).toMatchObject({ digest: digest('third'), authentication: aal2At(at) })
  })

  it('moves no deadline', () => {
    const session = live(stepped.and(confirmed('second', at)).state)
    expect(absoluteDeadline(session)).toBe(t0 + limits.absolute)
  })
})

describe('a confirmation', () => {
  it.each(['first', 'never'])('of the token %s is void', (token) => {
    given(started(), rotated('second', 1, t0)).ignores(confirmed(token, t0))
  })

  it('that is repeated is void', () => {
    given(started(), rotated('second', 1, t0), confirmed('second', t0)).ignores(confirmed('second', t0))
  })

  it('of a token that was current before is void: its place is taken', () => {
    given(started(), rotated('second', 1, t0), confirmed('second', t0), rotated('third', 3, t0), confirmed('third', t0))
      .ignores(confirmed('second', t0), confirmed('first', t0))
  })

  it('by a node whose clock is behind does not take back what was seen', () => {
    given(started(), rotated('second', 1, t0), active([sessionId(1), t0 + minute]), confirmed('second', t0))
      .isLive({ lastSeenAt: t0 + minute })
  })
})

describe('a change of attributes', () => {
  it('merges, and counts', () => {
    given(started({ attributes: { a: 1, b: { c: 1 } } }), changed({ b: { d: 2 }, a: null })).isLive({
      version: 2, attributes: { b: { c: 1, d: 2 } }
    })
  })

  it.each([[1, true], [2, false], [3, false]])('that expects version %d: %s', (expects, applies) => {
    const patch = changed({ a: 1 }, t0, { expects })
    if (applies) given(started(), patch).isLive({ version: 2, attributes: { a: 1 } })
    else given(started()).ignores(patch)
  })

  it('is void where it would burst the room that a session has', () => {
    const part = (key: string) => changed({ [key]: 'x'.repeat(1_800) }, t0, { command: commandId(key) })
    const two = given(started(), part('a'), part('b'))
    two.isLive({ version: 3 })
    two.and(part('c')).isLive({ version: 3 })
    two.and(changed({ a: null }, t0 + 1), part('d')).isLive({ version: 5 })
  })

  it('that was void for want of room stays void when its record stands again', () => {
    const half = 'x'.repeat(attributesLengthMax / 2)
    const [first, late, room] = [changed({ a: half }, t0), changed({ b: half }, t0 + 1), changed({ a: null }, t0 + 2)]
    given(started(), first, late, room).ignores(late)
  })

  it('is void where it nests deeper than attributes may, however deep', () => {
    const deep = (levels: number) => JSON.parse('{"a":'.repeat(levels) + '1' + '}'.repeat(levels))
    given(started(), changed(deep(16))).isLive({ version: 2 })
    given(started()).and(changed(deep(17)), changed(deep(200_000), t0 + 1)).isLive({ version: 1, attributes: {} })
  })

  it('makes what was decided before it void', () => {
    given(started(), changed({ a: 1 })).ignores(rotated('second', 1, t0), changed({ b: 1 }, t0, { expects: 1 }))
  })
})

describe('a record that stands twice', () => {
  it('is void by itself, unless it is a wide revocation', () => {
    const kinds = Object.keys(events) as ReadonlyArray<keyof typeof events>
    const anyOf = fc.constantFrom(...kinds).chain((kind) => events[kind] as fc.Arbitrary<DomainEvent>)
    fc.assert(fc.property(anyOf, (any) => {
      // Nobody expects a version that the log had not reached before.
      const event = 'session' in any && any.session !== null && any.type !== 'AnomalyDetected'
        ? { ...any, session: sessionId(1), ...('expects' in any ? { expects: 1 + any.expects! % 2 } : {}) }
        : any
      const before = given(started(), rotated('second', 1, t0))
      const later = before.and(event, changed({ z: 1 }), confirmed('second', t0))
      if (!isOnce(event)) later.ignores(event)
    }), { numRuns: 500 })
  })

  it('does not undo a later patch, as long as it is known again', () => {
    const first = changed({ a: 1 }, t0)
    let later = given(started(), first)
    for (let i = 1; i < patchesMax; i++) later = later.and(changed({ a: 1 + i }, t0 + i))
    later.isLive({ version: 1 + patchesMax, attributes: { a: patchesMax } })
    later.ignores(first)
    later.and(changed({ a: 0 }, t0 + patchesMax), first).isLive({ attributes: { a: 1 } })
  })
})

describe('activity', () => {
  it('is not later than the record that tells of it', () => {
    given(started(), { ...active([sessionId(1), t0 + hour]), at: t0 + minute }).isLive({ lastSeenAt: t0 + minute })
  })

  it('comes to the same before and behind anything but an idle end, which it makes void', () => {
    const late = active([sessionId(1), t0 + limits.idle - 1])
    given(started(), late, ended('idle', t0 + limits.idle)).isLive()
    given(started(), ended('idle', t0 + limits.idle), late).hasEnded('idle')
    const seen = active([sessionId(1), t0 + minute])
    for (const event of [rotated('second', 1, t0), changed({ a: 1 }), ended('logout', t0), confirmed('first', t0)]) {
      expect(given(started(), seen, event).state).toEqual(given(started(), event, seen).state)
    }
  })

  it('moves the idle deadline forward, never back', () => {
    const seen = active([sessionId(1), t0 + minute])
    given(started(), active([sessionId(1), t0 + minute], [sessionId(1), t0 + 5]))
      .isLive({ lastSeenAt: t0 + minute, version: 1 })
    given(started(), seen).ignores(seen, active([sessionId(1), 0]))
  })

  it('of other sessions does not matter', () => {
    given(started()).ignores(active([other, t0 + minute]), active())
  })
})

describe('an end', () => {
  const reasons: readonly EndReason[] = ['logout', 'revoked', 'superseded', 'token-reuse', 'evicted', 'migrated']

  it.each(reasons)('for %s holds at any time', (reason) => {
    given(started(), ended(reason, 0)).hasEnded(reason)
    given(started(), ended(reason, t0 + minute)).hasEnded(reason)
  })

  it.each([
    ['idle', limits.idle - 1, false], ['idle', limits.idle, true], ['idle', -minute, false],
    ['absolute', limits.absolute - 1, false], ['absolute', limits.absolute, true], ['absolute', limits.idle, false]
  ] as const)('for %s, %d ms after the start, holds: %s', (reason, after, holds) => {
    if (holds) given(started(), ended(reason, t0 + after)).hasEnded(reason)
    else given(started()).ignores(ended(reason, t0 + after))
  })

  it('for idle counts from what was last seen', () => {
    const seen = given(started(), active([sessionId(1), t0 + minute]))
    seen.ignores(ended('idle', t0 + minute + limits.idle - 1))
    seen.and(ended('idle', t0 + minute + limits.idle)).hasEnded('idle')
  })

  it('for absolute does not care for activity', () => {
    const deadline = t0 + limits.absolute
    given(started(), active([sessionId(1), deadline]), ended('absolute', deadline)).hasEnded('absolute')
  })

  it('is final, and keeps its first reason', () => {
    given(started(), ended('logout', t0)).ignores(
      ended('revoked', t0), rotated('second', 1, t0), steppedUp('second', 1, t0), confirmed('first', t0),
      changed({ a: 1 }),
      active([sessionId(1), t0 + minute]), subjectRevoked(t0), allRevoked(t0), started()
    )
  })
})

describe('a wide revocation', () => {
  it.each<[string, DomainEvent, boolean]>([
    ['of the subject', subjectRevoked(t0), true],
    ['of another subject', subjectRevoked(t0, { subject: 'bob' }), false],
    ['of the subject but this session', subjectRevoked(t0, { except: [other, sessionId(1)] }), false],
    ['of the subject but another session', subjectRevoked(t0, { except: [other] }), true],
    ['of the tenant', tenantRevoked(t0), true],
    ['of another tenant', tenantRevoked(t0, { tenant: 'mall' }), false],
    ['of all', allRevoked(t0), true],
    ...[subjectRevoked, tenantRevoked, allRevoked].flatMap((revoked): ReadonlyArray<[string, DomainEvent, boolean]> => [
      [`of those started before (${revoked(t0).type}, the ms of the start)`, revoked(t0, { before: t0 }), false],
      [`of those started before (${revoked(t0).type}, one ms later)`, revoked(t0, { before: t0 + 1 }), true]
    ]),
    ['of those started before, but this session', subjectRevoked(t0, { before: t0 + 1, except: [sessionId(1)] }), false]
  ])('%s', (_, event, ends) => {
    if (ends) given(started(), event).hasEnded('revoked')
    else given(started()).ignores(event)
  })

  it('leaves sessions without subject or tenant alone, but for all', () => {
    const anonymous = given(started({ subject: null, tenant: null }))
    anonymous.ignores(subjectRevoked(t0), tenantRevoked(t0))
    anonymous.and(allRevoked(t0)).hasEnded('revoked')
  })

  it('does not concern what starts behind it', () => {
    given(subjectRevoked(t0), tenantRevoked(t0), allRevoked(t0), started()).isLive()
  })

  it('tells whom it concerns without a session at hand', () => {
    expect(revokes(subjectRevoked(t0, { before: t0 }), other, 'ada', null, t0 - 1)).toBe(true)
    expect(revokes(subjectRevoked(t0, { before: t0 }), other, 'ada', null, t0)).toBe(false)
  })
})

describe('what concerns nobody', () => {
  const { at, by, command } = writer(t0)
  const envelope = { v: 1, at, by, command, ignorable: true } as const
  it('is ignored', () => {
    given(started()).ignores(
      { type: 'AnomalyDetected', ...envelope, kind: 'new-country', session: sessionId(1), subject: 'ada',
        evidence: {} },
      { type: 'NodeAnnounced', ...envelope, incarnation: 'x', state: 'joins', fencesAfterMs: null }
    )
  })
})

describe('events of another session', () => {
  it('change nothing', () => {
    const of = { session: other }
    given(started(), rotated('second', 1, t0)).ignores(
      started({ ...of }), rotated('third', 2, t0, of), steppedUp('third', 2, t0, of),
      { ...confirmed('second', t0), ...of }, changed({ a: 1 }, t0, of), ended('logout', t0, of)
    )
  })
})
