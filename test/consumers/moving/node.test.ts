import * as Effect from 'effect/Effect'
import { describe, expect, it } from 'vitest'
import { openFacade, type Sessions } from '../../../consumers/facade.ts'
import { copyLog } from '../../../consumers/moving/copy.ts'
import type { OpenOptions } from '../../../consumers/node.ts'
import { memoryLog } from '../../../core/log/memory.ts'
import { faultyLog, type LogFaults, noFaults } from '../../support/faulty-log.ts'
import { hubBroadcast } from '../../support/hub.ts'
import { until } from '../../support/until.ts'
import { manualWorld } from '../../support/world.ts'
import { appendAll, live, readAll, world } from './logs.ts'

type Log = OpenOptions['log']

const copy = (from: Log, to: Log, force = false) =>
  Effect.runPromise(copyLog({ from: { log: from, name: 'old' }, to: { log: to, name: 'new' }, force }, world))
const open = (options: OpenOptions) => openFacade({ maxStaleness: '1 second', node: 'a', ...options }, world)
const state = (sessions: Sessions) => sessions.health().move?.state
const reason = (sessions: Sessions, token: string) => {
  const verdict = sessions.validate(token)
  return verdict.ok ? 'ok' : verdict.reason
}

describe('a node that moves', () => {
  it('serves from the old log until the new one is whole, and from that one then', async () => {
    const [from, to] = [memoryLog(), memoryLog({ partitions: 3 })]
    await live(from)
    await using sessions = await open({ log: to, movingFrom: { log: from } })
    expect(state(sessions)).toBe('waiting')
    const { validate } = sessions
    const { token, session } = await sessions.create({ subject: 'ada', attributes: { n: 1 } })
    const ended = await sessions.create({ subject: 'bob' })
    await sessions.revoke({ token: ended.token })
    const signal = sessions.signal(session.id)
    expect(reason(sessions, token)).toBe('ok')
    await copy(from, to)
    await until('it went over', () => state(sessions) === 'moved')
    expect(validate(token)).toMatchObject({ ok: true, session: { id: session.id, attributes: { n: 1 } } })
    expect(reason(sessions, ended.token)).toBe('ended')
    expect(sessions.get(session.id)).toMatchObject({ id: session.id })
    expect((await sessions.update(token, { n: 2 })).attributes).toEqual({ n: 2 })
    expect((await readAll(to)).some(({ event }) => event.type === 'AttributesChanged' && event.patch['n'] === 2)).toBe(true)
    expect(signal.aborted).toBe(false)
    await sessions.revoke({ id: session.id })
    expect(signal.reason).toMatchObject({ reason: 'revoked' })
    expect(sessions.health()).toMatchObject({ fenced: null, log: { kind: 'memory' } })
  })

  it('that starts when all is done needs no old log', async () => {
    const [from, to] = [memoryLog(), memoryLog()]
    await live(from)
    await copy(from, to)
    const faults: LogFaults = { ...noFaults(), head: 'fail', append: 'fail' }
    await using sessions = await open({ log: to, movingFrom: { log: faultyLog(from, faults) } })
    expect(state(sessions)).toBe('moved')
    await sessions.create({ subject: 'ada' })
  })

  it('that starts in the middle waits for the rest', async () => {
    const [from, to] = [memoryLog({ partitions: 3 }), memoryLog()]
    await live(from)
    const node = await open({ log: to, movingFrom: { log: from } })
    const { token } = await node.create({ subject: 'ada' })
    await node.close()
    const faults = noFaults()
    const flaky = faultyLog(to, faults)
    const broken = copyLog({
      from: { log: from, name: 'old' }, to: { log: flaky, name: 'new' }, retries: 0,
      onProgress: ({ state: now }) => { if (now === 'sealing') faults.append = 'fail' }
    }, world)
    expect((await Effect.runPromiseExit(broken))._tag).toBe('Failure')
    await using sessions = await open({ log: to, movingFrom: { log: from } })
    expect(state(sessions)).toBe('waiting')
    // It cannot know what others have done meanwhile.
    expect(reason(sessions, token)).toBe('stale')
    const created = sessions.create({ subject: 'bob' })
    const revoked = sessions.revoke({ subject: 'ada' })
    const changed = sessions.authenticate(token)
    await copy(from, to)
    expect(reason(sessions, (await created).token)).toBe('ok')
    expect((await revoked).ended).toBeGreaterThan(0)
    expect(await changed).toMatchObject({ ok: false, reason: 'ended' })
    expect((await readAll(to)).filter(({ event }) => event.type === 'SubjectRevoked' && event.subject === 'ada'
      && event.by === 'a')).toHaveLength(1)
  })
})

describe('what a node knows and the new log does not yet', () => {
  it('goes over with it: activity', async () => {
    const [from, to] = [memoryLog(), memoryLog()]
    const clock = manualWorld()
    await using sessions = await openFacade({
      log: to, movingFrom: { log: from }, node: 'a', maxStaleness: '1 minute', limits: { idle: 10_000, absolute: 60_000, renew: null }
    }, clock)
    const { token } = await sessions.create({ subject: 'ada' })
    // Less than would be written at once.
    clock.clock.advance(4_000)
    expect(reason(sessions, token)).toBe('ok')
    await copy(from, to)
    await until('it went over', () => state(sessions) === 'moved')
    clock.clock.advance(8_000)
    expect(reason(sessions, token)).toBe('ok')
    await until('the new log has it', async () => (await readAll(to)).some(({ event }) => event.type === 'ActivityRecorded'))
  })

  it('goes over with it: ends that it has heard of', async () => {
    const [from, to] = [memoryLog(), memoryLog()]
    const [hub, key] = [hubBroadcast(), 'the key of a test cluster']
    const faults: Readonly<Record<string, LogFaults>> = { a: noFaults(), b: noFaults() }
    const [a, b] = await Promise.all(['a', 'b'].map((node) => open({
      node, log: faultyLog(to, faults[node]!), broadcast: hub.broadcast({ cluster: 'new', key }), writeTimeout: '10 seconds',
      movingFrom: { log: faultyLog(from, faults[node]!), broadcast: hub.broadcast({ cluster: 'old', key }) }
    }))) as [Sessions, Sessions]
    const { token } = await a.create({ subject: 'ada' })
    await until('both know it', () => reason(b, token) === 'ok')
    // Nothing of theirs gets into either log from here on; the copy has a way of its own.
    faults['a']!.append = faults['b']!.append = 'hang'
    const revoked = a.revoke({ token })
    await until('it is heard', () => reason(b, token) === 'ended')
    await copy(from, to)
    const seen = new Set<string>()
    await until('both went over', () => {
      for (const node of [a, b]) seen.add(reason(node, token))
      return [a, b].every((node) => state(node) === 'moved')
    })
    expect([...seen, reason(a, token), reason(b, token)]).toEqual(['ended', 'ended', 'ended'])
    expect((await readAll(to)).some(({ event }) => event.type === 'SessionEnded')).toBe(false)
    faults['a']!.append = faults['b']!.append = 'ok'
    await until('it is durable', async () => (await readAll(to)).some(({ event }) => event.type === 'SessionEnded'))
    await revoked.catch(() => undefined)
    await Promise.all([a.close(), b.close()])
  })
})

describe('a node that was left behind', () => {
  it('refuses, and says where the log has gone', async () => {
    const [from, to] = [memoryLog(), memoryLog()]
    await using sessions = await open({ log: from })
    const { token } = await sessions.create({ subject: 'ada' })
    await copy(from, to, true)
    await until('it is fenced', () => reason(sessions, token) === 'stale')
    await expect(sessions.create({ subject: 'bob' })).rejects.toMatchObject({
      _tag: 'LogUnavailable', message: expect.stringContaining('moved to new')
    })
    expect((await sessions.authenticate(token)).ok).toBe(false)
    await expect(open({ log: from, node: 'b' })).rejects.toMatchObject({ message: expect.stringContaining('moved to new') })
  })

  it('on the new log alone, before it is whole, refuses until it is', async () => {
    const to = memoryLog()
    const command = 'copy' as never
    await appendAll(to, { type: 'LogCopyStarted', v: 1, at: 1, by: 'x', command, from: 'old' })
    await using sessions = await open({ log: to })
    const { token } = await sessions.create({ subject: 'ada' })
    expect(reason(sessions, token)).toBe('stale')
    expect(sessions.health().fenced).toContain('being copied from old')
    await appendAll(to, { type: 'LogCopyFinished', v: 1, at: 1, by: 'x', command, from: 'old' })
    await until('it trusts the log', () => reason(sessions, token) === 'ok')
  })
})
