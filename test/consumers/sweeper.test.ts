import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import * as Stream from 'effect/Stream'
import { TestClock } from 'effect/testing'
import { describe, expect, it } from 'vitest'
import { hubBroadcast } from '../support/hub.ts'
import { type OpenOptions, sessionsLayer } from '../../consumers/node.ts'
import { dueAt } from '../../consumers/sweeper.ts'
import type { DomainEvent } from '../../core/domain/events.ts'
import type { LiveSession } from '../../core/domain/session.ts'
import { memoryLog } from '../../core/log/memory.ts'
import { Sessions, type SessionsShape } from '../../core/store/sessions.ts'
import { manualWorld } from '../support/world.ts'

const limits = { idle: '10 seconds', absolute: '1 minute' } as const

/** Two nodes on one log, and time that passes for both, for their timers as for their clocks. */
const twoNodes = <A>(
  story: (a: SessionsShape, b: SessionsShape, pass: (ms: number) => Effect.Effect<void>) => Effect.Effect<A, unknown>,
  clocks = [manualWorld(), manualWorld()]
) => Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const log = memoryLog()
  const hub = hubBroadcast()
  const open = (node: string, options: Partial<OpenOptions>, i: number) =>
    Effect.map(Layer.build(sessionsLayer(
      { log, broadcast: hub.broadcast({ cluster: 'test' }), node, limits, ...options }, clocks[i]!)),
    (built) => Context.get(built, Sessions))
  const a = yield* open('a', {}, 0)
  const b = yield* open('b', {}, 1)
  const pass = (ms: number) => Effect.gen(function*() {
    for (let passed = 0; passed < ms; passed += 250) {
      for (const { clock } of clocks) clock.advance(250)
      yield* TestClock.adjust(250)
      // What is on its way on the hub goes by microtasks, not by time.
      yield* Effect.promise(() => new Promise<void>((resolve) => { setImmediate(resolve) }))
    }
  })
  return yield* story(a, b, pass)
})).pipe(Effect.provide(TestClock.layer())))

const ends = (sessions: SessionsShape) => Effect.map(Stream.runCollect(sessions.events()), (all) => all
  .map(({ event }) => event)
  .filter((event): event is Extract<DomainEvent, { type: 'SessionEnded' }> => event.type === 'SessionEnded'))

describe('the sweeper', () => {
  it('records that sessions ran out, each once, by whichever node has the first turn', () => twoNodes((a, b, pass) =>
    Effect.gen(function*() {
      for (let i = 0; i < 20; i++) yield* a.create({ subject: `user-${i}` })
      yield* pass(20_000)
      const ended = yield* ends(a)
      expect(ended).toHaveLength(20)
      expect(new Set(ended.map(({ session }) => session)).size).toBe(20)
      expect(new Set(ended.map(({ reason }) => reason))).toEqual(new Set(['idle']))
      expect(new Set(ended.map(({ by }) => by))).toEqual(new Set(['a', 'b']))
      expect([a.health().sessions.live, b.health().sessions.live]).toEqual([0, 0])
    })))

  it('records the absolute limit of a session that stays active', () =>
    twoNodes((a, b, pass) =>
      Effect.gen(function*() {
        const { token } = yield* a.create({ subject: 'ada' })
        for (let second = 0; second < 59; second++) {
          yield* pass(1_000)
          expect((second % 2 === 0 ? a : b).validate(token).ok).toBe(true)
        }
        yield* pass(8_000)
        expect((yield* ends(b)).map(({ reason }) => reason)).toEqual(['absolute'])
      })
    ))

  it('records nothing while its clock disagrees with the others', () => {
    const [ahead, right] = [manualWorld(), manualWorld()]
    ahead.clock.jump(3_600_000)
    return twoNodes((a, b, pass) => Effect.gen(function*() {
      const { token } = yield* b.create({ subject: 'ada' })
      for (let second = 0; second < 20; second++) {
        yield* pass(1_000)
        expect(b.validate(token).ok).toBe(true)
      }
      expect(yield* ends(b)).toEqual([])
      expect(a.health().clock.alarm).toBe(true)
    }), [ahead, right])
  })
})

it('the turns of nodes lie apart, behind the deadline and what may be on its way', () => {
  const session = {
    id: '01900000-0000-7000-8000-000000000000',
    startedAt: 0,
    lastSeenAt: 0,
    limits: { idle: 10_000, absolute: 60_000, renew: null }
  } as unknown as LiveSession
  const turns = ['a', 'b', 'c'].map((node) => dueAt(node, session, 'idle'))
  expect(new Set(turns).size).toBe(3)
  for (const turn of turns) expect(turn).toBeGreaterThanOrEqual(11_000)
})
