import * as Effect from 'effect/Effect'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyLog, type CopyOptions, type CopyProgress } from '../../../consumers/moving/copy.ts'
import type { OpenOptions } from '../../../consumers/node.ts'
import type { DomainEvent } from '../../../core/domain/events.ts'
import type { CommandId } from '../../../core/domain/ids.ts'
import { memoryLog } from '../../../core/log/memory.ts'
import { sqliteLog } from '../../../core/log/sqlite.ts'
import { faultyLog, noFaults } from '../../support/faulty-log.ts'
import { newLog, startJetstream } from '../../support/jetstream.ts'
import { failure } from '../../support/log-node.ts'
import { type Fate, mortalLog } from '../../support/mortal-log.ts'
import { type NatsServer } from '../../support/nats-server.ts'
import { findNatsServer } from '../../support/services.ts'
import { eventsOf } from '../../support/sample-events.ts'
import { temporaryPath } from '../../support/temp.ts'
import { appendAll, fold, live, readAll, world } from './logs.ts'

type Log = OpenOptions['log']

const options = (from: Log, to: Log, over: Partial<CopyOptions> = {}): CopyOptions =>
  ({ from: { log: from, name: 'old' }, to: { log: to, name: 'new' }, ...over })
const copy = (from: Log, to: Log, over: Partial<CopyOptions> = {}) => Effect.runPromise(copyLog(options(from, to, over), world))
const refusal = (from: Log, to: Log, over: Partial<CopyOptions> = {}) => failure(copyLog(options(from, to, over), world))

let server: NatsServer | undefined
const kinds: Readonly<Record<string, () => Log>> = {
  memory: () => memoryLog(),
  'memory with three partitions': () => memoryLog({ partitions: 3 }),
  sqlite: () => sqliteLog({ path: temporaryPath('log.db') }),
  ...findNatsServer() === undefined ? {} : { jetstream: () => newLog({ servers: server!.url }) }
}
const pairs = Object.keys(kinds).flatMap((from) => Object.keys(kinds).map((to) => [from, to] as const))

beforeAll(async () => { if ('jetstream' in kinds) server = await startJetstream() })
afterAll(() => server?.kill())

const announced = (by: string, state: 'joins' | 'leaves', over: Partial<DomainEvent> = {}): DomainEvent => ({
  type: 'NodeAnnounced', v: 1, at: world.clock.wall() | 0 || 1, by, command: `n-${by}-${state}` as CommandId, ignorable: true,
  incarnation: '1', state, fencesAfterMs: 5_000, ...over
} as DomainEvent)

describe.each(pairs)('from %s to %s', (fromKind, toKind) => {
  const reasons = !fromKind.includes('three')
  it('brings over what the sessions have come to', async () => {
    const [from, to] = [kinds[fromKind]!(), kinds[toKind]!()]
    await live(from)
    const told: CopyProgress[] = []
    const { copied } = await copy(from, to, { onProgress: (progress) => told.push(progress) })
    expect(await fold(to, reasons)).toEqual(await fold(from, reasons))
    expect([...(await fold(to, false)).values()].some((state) => state !== 'ended')).toBe(true)
    expect(told.at(-1)).toMatchObject({ state: 'finished', copied })
    expect(told.map(({ state }) => state)).toContain('copying')
    // Done again it does nothing.
    const before = await readAll(to)
    expect(await copy(from, to)).toEqual({ copied: 0 })
    expect(await readAll(to)).toEqual(before)
  })

  it('goes on where it was, wherever it was killed', async () => {
    const [from, to] = [kinds[fromKind]!(), kinds[toKind]!()]
    await live(from)
    const fate: Fate = { calls: 0, lastStands: false, failing: new Set([2]) }
    let attempts = 0
    for (let done = false; !done; attempts++) {
      Object.assign(fate, { calls: 1 + attempts * 2, lastStands: attempts % 2 === 0 })
      const exit = await Effect.runPromiseExit(copyLog(options(mortalLog(from, fate), mortalLog(to, fate), { lag: 0 }), world))
      done = exit._tag === 'Success'
      expect(attempts).toBeLessThan(60)
    }
    expect(attempts).toBeGreaterThan(5)
    expect(await fold(to, reasons)).toEqual(await fold(from, reasons))
  })
})

describe('what is refused', () => {
  it('a log that has events of its own', async () => {
    const [from, to] = [memoryLog(), memoryLog()]
    await live(to)
    expect(await refusal(from, to)).toMatchObject({ _tag: 'CopyRefused', reason: 'not-empty' })
    expect(await readAll(from)).toEqual([])
  })

  it('a copy of another log, and a log that went elsewhere', async () => {
    const [from, other, to] = [memoryLog(), memoryLog(), memoryLog()]
    await live(from)
    await copy(from, to)
    expect(await refusal(other, to, { from: { log: other, name: 'other' } })).toMatchObject({ reason: 'other-copy' })
    expect(await refusal(from, other, { to: { log: other, name: 'third' } })).toMatchObject({ reason: 'moved' })
    expect(await refusal(other, from, { from: { log: other, name: 'other' } })).toMatchObject({ _tag: 'CopyRefused' })
  })

  it('to go on while nodes are not ready, which it names, and nothing is sealed', async () => {
    const [from, to] = [memoryLog({ partitions: 3 }), memoryLog()]
    const now = Math.floor(world.clock.wall())
    await live(from)
    await appendAll(from,
      announced('ready', 'joins', { at: now, moves: true } as Partial<DomainEvent>), announced('gone', 'joins', { at: now }),
      announced('gone', 'leaves', { at: now }), announced('dead', 'joins', { at: now - 3_700_000 }),
      announced('left', 'joins', { at: now }), announced('behind', 'joins', { at: now }))
    const refused = await refusal(from, to)
    expect(refused).toMatchObject({ _tag: 'CopyRefused', reason: 'not-ready', nodes: ['left', 'behind'] })
    expect((await readAll(from)).some(({ event }) => event.type === 'LogSealed')).toBe(false)
    // What was copied so far is not copied again.
    await appendAll(from, announced('left', 'leaves', { at: now }))
    expect(await refusal(from, to)).toMatchObject({ nodes: ['behind'] })
    expect(await copy(from, to, { force: true })).toEqual({ copied: 0 })
    expect(await fold(to, false)).toEqual(await fold(from, false))
  })

  it('options that cannot stand', async () => {
    const [from, to] = [memoryLog(), memoryLog()]
    expect(await refusal(from, to, { to: { log: to, name: 'old' } })).toMatchObject({ _tag: 'InvalidOptions', option: 'to' })
    expect(await refusal(from, to, { from: { log: from, name: '' } })).toMatchObject({ option: 'from.name' })
    expect(await refusal(from, to, { from: { log: null as never, name: 'a' } })).toMatchObject({ option: 'from' })
  })
})

describe('a log that does not answer', () => {
  it('is asked again; and where that is no use, nothing of what was read is lost to the next run', async () => {
    const [from, to] = [memoryLog(), memoryLog()]
    await live(from)
    const faults = noFaults()
    const flaky = faultyLog(to, faults)
    const onProgress = ({ state }: CopyProgress): void => { if (state === 'reading') faults.append = 'fail' }
    expect(await refusal(from, flaky, { retries: 1, onProgress })).toMatchObject({ _tag: 'LogUnavailable' })
    faults.append = 'ok'
    await copy(from, flaky)
    expect(await fold(to)).toEqual(await fold(from))
  })

  it('has what it wrote without an answer written once more, to no effect', async () => {
    const [from, to] = [memoryLog(), memoryLog()]
    await live(from)
    await appendAll(from, ...eventsOf('ada', 'e', 3))
    const faults = noFaults()
    const onProgress = ({ state }: CopyProgress): void => {
      faults.append = state === 'reading' ? 'lose-answer' : 'ok'
      if (state === 'reading') setTimeout(() => { faults.append = 'ok' }, 300)
    }
    await copy(from, faultyLog(to, faults), { onProgress })
    expect(faults.lostAnswers).toBeGreaterThan(0)
    expect(await fold(to)).toEqual(await fold(from))
  })
})
