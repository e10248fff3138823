import * as Effect from 'effect/Effect'
import * as Fiber from 'effect/Fiber'
import * as Layer from 'effect/Layer'
import { TestClock } from 'effect/testing'
import { describe, expect, it } from 'vitest'
import { sessionsLayer } from '../../consumers/node.ts'
import { LogUnavailable } from '../../core/errors.ts'
import { memoryLog } from '../../core/log/memory.ts'
import { EventLog, type EventLogShape } from '../../core/log/port.ts'
import { faultyLog, noFaults } from '../support/faulty-log.ts'
import { manualWorld } from '../support/world.ts'

const turn = Effect.promise(() => new Promise<void>((resolve) => { setImmediate(resolve) }))

/** Opens a node on a log whose tail delivers nothing until it is mended, `mendedAfter` so long. */
const openOnSilentLog = (mendedAfter: number, passes: number) => Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const faults = { ...noFaults(), tail: 'cut' as 'ok' | 'cut' }
  const opening = yield* Effect.forkChild(Effect.result(Layer.build(
    sessionsLayer({ log: faultyLog(memoryLog(), faults), node: 'a' }, manualWorld()))))
  for (let passed = 0; passed < passes; passed += 250) {
    if (passed >= mendedAfter) faults.tail = 'ok'
    yield* TestClock.adjust(250)
    yield* turn
  }
  return opening.pollUnsafe() === undefined ? 'opens' : (yield* Fiber.join(opening))
})).pipe(Effect.provide(TestClock.layer())))

describe('a node that opens on a log that does not deliver', () => {
  it('gives up, and says so', async () => {
    expect(await openOnSilentLog(Infinity, 21_000)).toMatchObject({
      failure: { _tag: 'LogUnavailable', message: expect.stringContaining('delivered nothing') as string }
    })
  })

  it('waits for it until then', async () => {
    expect(await openOnSilentLog(Infinity, 19_000)).toBe('opens')
    expect(await openOnSilentLog(15_000, 21_000)).toHaveProperty('success')
  })
})

/** Opens a node on a log that says its head once, and then not before it was asked `silent` times more. */
const openOnHaltingLog = (silent: number) => Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  let asked = 0
  const halting = Layer.effect(EventLog, Effect.map(EventLog, (log): EventLogShape => ({
    ...log,
    head: Effect.suspend(() => asked++ === 0 || asked > silent + 1
      ? log.head
      : Effect.fail(new LogUnavailable({ message: 'not now' })))
  })))
  const opening = yield* Effect.forkChild(Effect.result(Layer.build(
    sessionsLayer({ log: halting.pipe(Layer.provide(memoryLog())), node: 'a' }, manualWorld()))))
  for (let passed = 0; passed < 10_000; passed += 250) {
    yield* TestClock.adjust(250)
    yield* turn
  }
  return opening.pollUnsafe() === undefined ? 'opens' : (yield* Fiber.join(opening))
})).pipe(Effect.provide(TestClock.layer())))

describe('a node that opens on a log that does not always answer', () => {
  it('asks again', async () => {
    expect(await openOnHaltingLog(3)).toHaveProperty('success')
  })

  it('but not for ever', async () => {
    expect(await openOnHaltingLog(Infinity)).toMatchObject({ failure: { _tag: 'LogUnavailable' } })
  })
})
