import { describe, expect, test } from 'vitest'
import { history } from '../../bench/harness/history.ts'
import { population } from '../../bench/harness/population.ts'
import type { DomainEvent } from '../../core/domain/events.ts'
import { evolve, initial, type SessionState } from '../../core/domain/session.ts'
import { decodeText, encodeText } from '../../core/log/codec.ts'

const people = population(2_000, 1_700_000_000_000)
let now = 1_700_000_010_000
const life = history(people, () => now++)
const events: DomainEvent[] = []
for (let event = life.next(); event !== undefined; event = life.next()) events.push(event)

/** The sessions that an event is about. */
const concerned = (event: DomainEvent): readonly string[] =>
  event.type === 'ActivityRecorded' ? event.seen.map(([id]) => id) : 'session' in event ? [String(event.session)] : []

describe('the history that a log is filled with', () => {
  test('has every kind of event that a session lives through', () => {
    const kinds = Object.groupBy(events, ({ type }) => type)
    expect(Object.keys(kinds).toSorted()).toEqual([
      'ActivityRecorded', 'AttributesChanged', 'SessionEnded', 'SessionStarted', 'TokenConfirmed', 'TokenRotated'
    ])
    expect(kinds.SessionStarted).toHaveLength(people.size)
    for (const of of Object.values(kinds)) expect(of.length).toBeGreaterThan(50)
  })

  test('none of its events is void: the fold takes every one', () => {
    const states = new Map<string, SessionState>()
    for (const event of events) {
      for (const id of concerned(event)) {
        const before = states.get(id) ?? initial
        const after = evolve(before, event)
        expect(after, `${event.type} after ${before.status}`).not.toBe(before)
        states.set(id, after)
      }
    }
    const live = [...states].filter(([, { status }]) => status === 'live').map(([id]) => id)
    expect(live.toSorted()).toEqual(life.live().map(people.id).toSorted())
  })

  test('all of them can be written and read', () => {
    for (const event of events) expect(decodeText(encodeText(event))).toEqual(event)
  })
})
