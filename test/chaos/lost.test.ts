import { describe, expect, it } from 'vitest'
import type { SessionEvent } from '../../core/domain/events.ts'
import type { StoredEvent } from '../../core/log/port.ts'
import type { Entry, Op } from '../simulation/history.ts'
import { foldOf } from '../simulation/finals.ts'
import { figuresOf } from './figures.ts'
import { lostEvents } from './lost.ts'

const asked = (call: number, op: Op, at = call * 10): readonly Entry[] => [
  { at, what: 'asks', call, process: 'a.1', op }, { at: at + 1, what: 'answers', call, answer: { ok: true } }
]
const process = { at: 0, what: 'process', process: 'a.1', node: 'a', state: 'opens', bounded: true } as const
const create = { op: 'create', session: 's1', subject: 'ada', tenant: null, continues: null } as const
const ids = new Map([['s1', 'id1']])
const stored = (...events: ReadonlyArray<Partial<SessionEvent>>): readonly StoredEvent[] =>
  events.map((event, offset) => ({ partition: 0, offset, event: { session: 'id1', ...event } as SessionEvent }))

const lost = (entries: readonly Entry[], records: readonly StoredEvent[]) =>
  lostEvents([process, ...entries], ids, records, new Map())

describe('what was answered and is not in the log', () => {
  const start = { type: 'SessionStarted' } as const
  it.each<[string, Op, Partial<SessionEvent>, string]>([
    ['an update', { op: 'update', session: 's1', key: 'k1', ifVersion: null },
      { type: 'AttributesChanged', patch: { k1: 1 } }, 'the update k1 of s1'],
    ['a rotation', { op: 'rotate', token: 's1.1', next: 's1.2' }, { type: 'TokenRotated' }, 'one of 1 TokenRotated of s1'],
    ['a re-authentication', { op: 'reauthenticate', token: 's1.1', next: 's1.2' },
      { type: 'Reauthenticated' }, 'one of 1 Reauthenticated of s1']
  ])('%s', (_, op, event, text) => {
    const entries = [...asked(1, create), ...asked(2, op)]
    expect(lost(entries, stored(start, event))).toEqual([])
    expect(lost(entries, stored(start))).toEqual([text])
  })

  it('a start', () => {
    expect(lost(asked(1, create), stored())).toEqual(['the start of s1'])
  })

  it('an end', () => {
    const entries = [process, ...asked(1, create), ...asked(2, { op: 'revoke', target: { subject: 'ada', except: [] }, cluster: false })]
    const live = new Map([['id1', { status: 'live' }]]) as never
    const wide = [...stored(start), { partition: 0, offset: 1, event: { type: 'SubjectRevoked', subject: 'ada', command: 'c' } as never }]
    expect(lostEvents(entries, ids, wide, live)).toEqual(['the end of s1'])
    expect(lostEvents(entries, ids, wide, foldOf([]))).toEqual([])
    // Whatever has become of the session.
    expect(lostEvents(entries, ids, stored(start), foldOf([]))).toEqual(['1 of 1 SubjectRevoked ada'])
  })

  it('an end of a session that would have died anyway', () => {
    const answered = (ended: number): readonly Entry[] => [process, ...asked(1, create),
      { at: 20, what: 'asks', call: 2, process: 'a.1', op: { op: 'revoke', target: { session: 's1' }, cluster: false } },
      { at: 21, what: 'answers', call: 2, answer: { ok: true, ended } }]
    const died = (reason: string) => new Map([['id1', { status: 'ended', reason }]]) as never
    expect(lostEvents(answered(1), ids, stored(start), died('idle'))).toEqual(['the end of s1'])
    expect(lostEvents(answered(1), ids, stored(start), died('revoked'))).toEqual([])
    expect(lostEvents(answered(0), ids, stored(start), died('idle'))).toEqual([])
  })
})

describe('the figures of a fault', () => {
  const seen = (at: number, name: string, verdict: 'ok' | 'ended'): Entry =>
    ({ at, what: 'validates', process: name, token: 's1.1', touch: false, verdict })
  const other = { ...process, process: 'b.1', node: 'b' } as const

  it('are the time until each process refuses, and how late one still accepted', () => {
    const entries = [
      process, other, ...asked(1, create), seen(15, 'a.1', 'ok'), seen(16, 'b.1', 'ok'),
      ...asked(2, { op: 'revoke', target: { session: 's1' }, cluster: false }),
      seen(20.5, 'a.1', 'ended'), seen(25, 'b.1', 'ok'), seen(27, 'b.1', 'ended')
    ].toSorted((a, b) => a.at - b.at)
    const spells = [{ fault: 'x', from: 18, to: 30, backAfterMs: 1 }, { fault: 'y', from: 40, to: 50, backAfterMs: 2 }]
    const [x, y] = figuresOf(entries, spells)
    expect(x).toMatchObject({ fault: 'x', revocations: 1, latencies: [0.5, 7], acceptedLateMs: 4 })
    expect(y).toMatchObject({ fault: 'y', revocations: 0, latencies: [], acceptedLateMs: 0 })
  })
})
