import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyLog, type CopyOptions, type CopyProgress } from '../../../consumers/moving/copy.ts'
import type { OpenOptions } from '../../../consumers/node.ts'
import type { DomainEvent } from '../../../core/domain/events.ts'
import type { CommandId } from '../../../core/domain/ids.ts'
import { memoryLog } from '../../../core/log/memory.ts'
import { sqliteLog } from '../../../core/log/sqlite.ts'
import { copies, copy, copyOptions, type LogKind, resumes } from '../../contract/copy.ts'
import { faultyLog, noFaults } from '../../support/faulty-log.ts'
import { newLog, startJetstream } from '../../support/jetstream.ts'
import { failure } from '../../support/log-node.ts'
import { type NatsServer } from '../../support/nats-server.ts'
import { findNatsServer } from '../../support/services.ts'
import { eventsOf } from '../../support/sample-events.ts'
import { temporaryPath } from '../../support/temp.ts'
import { appendAll, fold, live, readAll, world } from './logs.ts'

type Log = OpenOptions['log']

const refusal = (from: Log, to: Log, over: Partial<CopyOptions> = {}) => failure(copyLog(copyOptions(from, to, over), world))

let server: NatsServer | undefined
const jetstream: LogKind = { name: 'jetstream', make: () => newLog({ servers: server!.url }) }
const kinds: readonly LogKind[] = [
  { name: 'memory', make: () => memoryLog() },
  { name: 'memory with three partitions', partitions: 3, make: () => memoryLog({ partitions: 3 }) },
  { name: 'sqlite', make: () => sqliteLog({ path: temporaryPath('log.db') }) },
  ...findNatsServer() === undefined ? [] : [jetstream]
]

beforeAll(async () => { if (kinds.includes(jetstream)) server = await startJetstream() })
afterAll(() => server?.kill())

const announced = (by: string, state: 'joins' | 'leaves', over: Partial<DomainEvent> = {}): DomainEvent => ({
  type: 'NodeAnnounced', v: 1, at: world.clock.wall() | 0 || 1, by, command: `n-${by}-${state}` as CommandId, ignorable: true,
  incarnation: '1', state, fencesAfterMs: 5_000, ...over
} as DomainEvent)

describe('a copy', () => {
  for (const from of kinds) for (const to of kinds) copies(from, to)
  const [memory, three, sqlite, last] = kinds
  for (const [from, to] of [[memory, three], [three, memory], [three, sqlite], [sqlite, last], [last, sqlite]] as const) {
    resumes(from!, to!)
  }
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
