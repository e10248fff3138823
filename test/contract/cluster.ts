import { describe, expect, it } from 'vitest'
import type { OpenOptions } from '../../consumers/node.ts'
import { openFacade, type Sessions } from '../../consumers/facade.ts'
import { systemClock } from '../../core/clock.ts'
import type { DomainEvent } from '../../core/domain/events.ts'
import { openSessions } from '../../index.ts'
import { faultyLog, noFaults } from '../support/faulty-log.ts'
import { TestCluster } from '../support/nodes.ts'
import { until } from '../support/until.ts'
import { manualWorld, random } from '../support/world.ts'

const reason = (sessions: Sessions, token: string): string => {
  const verdict = sessions.validate(token, { touch: false })
  return verdict.ok ? 'ok' : verdict.reason
}
const known = (sessions: Sessions, token: string) =>
  until('the session is known', () => reason(sessions, token) === 'ok')
const events = async (sessions: Sessions): Promise<readonly DomainEvent[]> => {
  const all: DomainEvent[] = []
  for await (const { event } of sessions.events()) if (event.type !== 'Unreadable') all.push(event)
  return all
}
const count = async (sessions: Sessions, type: DomainEvent['type']) =>
  (await events(sessions)).filter((event) => event.type === type).length

type NewLog = () => OpenOptions['log']

/** What the nodes of a cluster do on one log, whatever it is. `newLog` makes one that is used for one test. */
export const suite = (name: string, newLog: NewLog): void => {
  everydaySuite(name, newLog)
  describe(`a cluster on a log in trouble: ${name}`, () => inTrouble(newLog))
}

/** What they do every day. */
export const everydaySuite = (name: string, newLog: NewLog): void => {
  describe(`a cluster on a log: ${name}`, () => everyday(newLog))
}

const everyday = (log: NewLog): void => {
  it('knows on all nodes what one has started, and refuses on all what one has ended', async () => {
    await using cluster = new TestCluster(log())
    const a = await cluster.open('a')
    const b = await cluster.open('b')
    const c = await cluster.open('c')
    const { token, session } = await a.sessions.create({ subject: 'ada' })
    for (const { sessions } of [a, b, c]) expect((await sessions.authenticate(token)).ok).toBe(true)
    const signal = b.sessions.signal(session.id)
    const receipt = await c.sessions.revoke({ token }, { confirm: 'cluster' })
    expect([...receipt.confirmedBy].sort()).toEqual(['a', 'b', 'c'])
    for (const { sessions } of [a, b, c]) expect(reason(sessions, token)).toBe('ended')
    expect(signal.reason).toMatchObject({ reason: 'logout' })
  })

  it('confirms wide revocations only when their own record is folded everywhere', async () => {
    await using cluster = new TestCluster(log())
    const a = await cluster.open('a')
    const b = await cluster.open('b')
    const made = await Promise.all(
      ['ada', 'bob', 'cy'].map((subject) => a.sessions.create({ subject, tenant: 'shop' }))
    )
    for (const { token } of made) await known(b.sessions, token)
    for (const target of [{ subject: 'ada' }, { tenant: 'shop' }, { all: true }] as const) {
      const receipt = await a.sessions.revoke(target, { confirm: 'cluster' })
      expect(receipt.confirmedBy).toEqual(['a', 'b'])
    }
    for (const { token } of made) expect(reason(b.sessions, token)).toBe('ended')
  })

  it('carries revocations by the log alone where there is no broadcast', async () => {
    await using cluster = new TestCluster(log())
    const a = await cluster.open('a')
    const b = await cluster.open('b')
    cluster.hub.cut('b')
    const { token } = await a.sessions.create({ subject: 'ada' })
    await known(b.sessions, token)
    await a.sessions.revoke({ token })
    await until('the tail brings it', () => reason(b.sessions, token) === 'ended')
  })

  it('lets one of concurrent rotations win, on whichever nodes', async () => {
    await using cluster = new TestCluster(log())
    const a = await cluster.open('a')
    const b = await cluster.open('b')
    const { token } = await a.sessions.create({ subject: 'ada' })
    await known(b.sessions, token)
    const results = await Promise.allSettled([a, b].map(({ sessions }) => sessions.rotate(token)))
    const won = results.filter((result) => result.status === 'fulfilled')
    expect(won.length).toBeGreaterThanOrEqual(1)
    for (const { value } of won) {
      for (const { sessions } of [a, b]) expect((await sessions.authenticate(value.token)).ok).toBe(true)
    }
  })

  it('holds the cap for logins that race on two nodes', async () => {
    await using cluster = new TestCluster(log(), { maxSessionsPerSubject: 2 })
    const a = await cluster.open('a')
    const b = await cluster.open('b')
    await Promise.all([a, b, a, b, a, b].map(({ sessions }) => sessions.create({ subject: 'ada' }).catch(() => null)))
    await until('both settle on two', () =>
      [a, b].every(({ sessions }) => sessions.list({ subject: 'ada' }).length === 2)
    )
    const ids = [a, b].map(({ sessions }) => sessions.list({ subject: 'ada' }).map(({ id }) => id))
    expect(ids[0]).toEqual(ids[1])
  })
}

const inTrouble = (newLog: NewLog): void => {
  describe('I4: revoke first', () => {
    it('ends a session everywhere while the log takes nothing, says so, and makes it durable later', async () => {
      await using cluster = new TestCluster(newLog(), { writeTimeout: 50 })
      const a = await cluster.open('a')
      const b = await cluster.open('b')
      const { token } = await a.sessions.create({ subject: 'ada' })
      await known(b.sessions, token)
      a.faults.append = 'fail'
      b.faults.append = 'fail'
      await expect(a.sessions.revoke({ token })).rejects.toMatchObject({ _tag: 'LogUnavailable' })
      for (const { sessions } of [a, b]) expect(reason(sessions, token)).toBe('ended')
      expect(a.sessions.health().revocationsPending).toBe(1)
      expect(await count(a.sessions, 'SessionEnded')).toBe(0)
      a.faults.append = 'ok'
      await until('it is durable', async () => await count(a.sessions, 'SessionEnded') === 1)
      await until('nothing is pending', () => [a, b].every(({ sessions }) => sessions.health().revocationsPending === 0))
    })

    it('makes a revocation durable whose writer died', async () => {
      await using cluster = new TestCluster(newLog(), { writeTimeout: 50 })
      const a = await cluster.open('a')
      const b = await cluster.open('b')
      const { token } = await a.sessions.create({ subject: 'ada' })
      await known(b.sessions, token)
      a.faults.append = 'hang'
      await a.sessions.revoke({ token }).catch(() => null)
      cluster.hub.cut('a')
      await until('the one who heard it appends it', async () => await count(b.sessions, 'SessionEnded') === 1)
      const c = await cluster.open('c')
      expect(reason(c.sessions, token)).toBe('ended')
    })

    it('takes the first of an append whose answer was lost and that was tried again', async () => {
      await using cluster = new TestCluster(newLog(), { writeTimeout: 500 })
      const a = await cluster.open('a')
      const b = await cluster.open('b')
      a.faults.append = 'lose-answer'
      const revoking = a.sessions.revoke({ subject: 'ada' })
      // It stands twice, except on a log that knows a retry.
      await until('it is written twice', () => a.faults.lostAnswers >= 2)
      a.faults.append = 'ok'
      await revoking
      const { token } = await b.sessions.create({ subject: 'ada' })
      a.faults.append = 'lose-answer'
      expect(reason(b.sessions, token)).toBe('ok')
      expect((await a.sessions.authenticate(token)).ok).toBe(true)
    })
  })

  describe('what a node owes', () => {
    it('a second revoke of a session that ended early is no less in earnest than the first', async () => {
      await using cluster = new TestCluster(newLog(), { writeTimeout: 50 })
      const a = await cluster.open('a')
      const { token, session } = await a.sessions.create({ subject: 'ada' })
      a.faults.append = 'fail'
      for (const target of [{ token }, { id: session.id }, { token }]) {
        await expect(a.sessions.revoke(target)).rejects.toMatchObject({ _tag: 'LogUnavailable' })
      }
      a.faults.append = 'ok'
      expect((await a.sessions.revoke({ token })).ended).toBe(0)
      expect(await count(a.sessions, 'SessionEnded')).toBeGreaterThan(0)
    })

    it('a revocation that the log had yet to take is written when the node closes', async () => {
      const log = newLog()
      await using cluster = new TestCluster(log, { writeTimeout: 50 })
      const a = await cluster.open('a')
      const { token } = await a.sessions.create({ subject: 'ada' })
      a.faults.append = 'fail'
      await a.sessions.revoke({ token }).catch(() => null)
      a.faults.append = 'ok'
      await a.sessions.close()
      const b = await cluster.open('b')
      expect(reason(b.sessions, token)).toBe('ended')
    })

    it('no call is left waiting when it closes', async () => {
      await using cluster = new TestCluster(newLog(), { maxStaleness: '1 minute' })
      const a = await cluster.open('a')
      const b = await cluster.open('b')
      const { token } = await a.sessions.create({ subject: 'ada' })
      cluster.hub.cut('b')
      b.faults.tail = 'cut'
      const calls = [
        a.sessions.create({ subject: 'bob' }), a.sessions.rotate(token), a.sessions.authenticate('A'.repeat(52)),
        a.sessions.revoke({ subject: 'ada' }, { confirm: 'cluster' }), a.sessions.update(token, { a: 1 })
      ]
      const settled = Promise.allSettled(calls)
      await a.sessions.close()
      await settled
      expect(await calls[2]).toMatchObject({ ok: false })
    })

    it('acknowledgements count only from those who have the key', async () => {
      await using cluster = new TestCluster(newLog(), { maxStaleness: 300 })
      const open = (name: string) => cluster.open(name, { broadcast: cluster.hub.broadcast({ cluster: 'open' }) })
      const a = await open('a')
      const b = await open('b')
      const { token } = await a.sessions.create({ subject: 'ada' })
      await known(b.sessions, token)
      const receipt = await a.sessions.revoke({ token }, { confirm: 'cluster' })
      expect(receipt.confirmedBy).toEqual(['a'])
      expect(receipt.confirmedAfterMs).toBeGreaterThanOrEqual(300)
    })

    it('a token that another node confirmed is no evidence of theft to one that lags', async () => {
      const world = manualWorld()
      await using cluster = new TestCluster(newLog(), { onStale: 'serve', grace: '30 seconds' })
      const a = await cluster.open('a', {}, world)
      const b = await cluster.open('b', {}, world)
      const { token, session } = await a.sessions.create({ subject: 'ada' })
      const first = await a.sessions.rotate(token)
      await a.sessions.reauthenticate(token, { level: 'aal2', methods: ['otp'] })
      await until('b knows both', () => b.sessions.get(session.id)?.version === 3)
      b.faults.tail = 'cut'
      expect(a.sessions.validate(first.token).ok).toBe(true)
      await until('a has confirmed it', () => a.sessions.get(session.id)?.version === 4)
      world.clock.advance(31_000)
      expect(reason(b.sessions, first.token)).toBe('superseded')
      b.faults.tail = 'ok'
      await until('b knows better', () => reason(b.sessions, first.token) === 'ok')
      expect(reason(a.sessions, first.token)).toBe('ok')
    })
  })

  describe('I5: bounded staleness', () => {
    it('refuses on a node that has lost the log, and only there, and recovers', async () => {
      await using cluster = new TestCluster(newLog(), { maxStaleness: 200 })
      const a = await cluster.open('a')
      const b = await cluster.open('b')
      const { token } = await a.sessions.create({ subject: 'ada' })
      await known(b.sessions, token)
      b.faults.head = 'hang'
      await until('b fences itself', () => reason(b.sessions, token) === 'stale')
      expect(b.sessions.health().fenced).toContain('has not compared itself with the log')
      expect(reason(a.sessions, token)).toBe('ok')
      expect(await b.sessions.authenticate(token)).toEqual({ ok: false, reason: 'stale' })
      b.faults.head = 'ok'
      await until('b is back', () => reason(b.sessions, token) === 'ok')
    })

    it('counts nothing as fresh that the tail has not folded', async () => {
      await using cluster = new TestCluster(newLog(), { maxStaleness: 200 })
      const a = await cluster.open('a')
      const b = await cluster.open('b')
      const { token } = await a.sessions.create({ subject: 'ada' })
      await known(b.sessions, token)
      cluster.hub.cut('b')
      b.faults.tail = 'cut'
      await a.sessions.revoke({ token })
      await until('b refuses', () => reason(b.sessions, token) !== 'ok')
      expect(reason(b.sessions, token)).toBe('stale')
      b.faults.tail = 'ok'
      await until('b knows', () => reason(b.sessions, token) === 'ended')
    })

    it('serves on where the owner chose that, and then only an acknowledgement confirms', async () => {
      await using cluster = new TestCluster(newLog(), { maxStaleness: 200 })
      const a = await cluster.open('a')
      const b = await cluster.open('b', { onStale: 'serve' })
      const { token } = await a.sessions.create({ subject: 'ada' })
      await known(b.sessions, token)
      cluster.hub.cut('b')
      b.faults.tail = 'cut'
      b.faults.head = 'hang'
      await expect(a.sessions.revoke({ token }, { confirm: 'cluster' })).rejects.toMatchObject({
        _tag: 'NotConfirmed', missing: ['b']
      })
      expect(reason(a.sessions, token)).toBe('ended')
      expect(reason(b.sessions, token)).toBe('ok')
    })

    it('confirms by time when a node is silent: it has fenced itself by then', async () => {
      await using cluster = new TestCluster(newLog(), { maxStaleness: 300 })
      const a = await cluster.open('a')
      const b = await cluster.open('b')
      const { token } = await a.sessions.create({ subject: 'ada' })
      await known(b.sessions, token)
      cluster.hub.cut('b')
      b.faults.tail = 'cut'
      const receipt = await a.sessions.revoke({ token }, { confirm: 'cluster' })
      expect(receipt.confirmedBy).toEqual(['a'])
      expect(receipt.confirmedAfterMs).toBeGreaterThanOrEqual(300)
      expect(reason(b.sessions, token)).not.toBe('ok')
    })

    it('is not confirmed at once past a node that the broadcast never told of', async () => {
      await using cluster = new TestCluster(newLog(), { maxStaleness: 300 })
      cluster.hub.cut('b')
      const b = await cluster.open('b')
      const a = await cluster.open('a')
      const { token } = await a.sessions.create({ subject: 'ada' })
      await known(b.sessions, token)
      b.faults.tail = 'cut'
      await a.sessions.revoke({ token }, { confirm: 'cluster' })
      expect(reason(b.sessions, token)).not.toBe('ok')
    })
  })

  describe('I6: limits', () => {
    it('are kept for a session that is active on another node', async () => {
      const world = manualWorld()
      await using cluster = new TestCluster(newLog(), {
        onStale: 'serve',
        limits: { idle: '10 minutes', absolute: '1 hour' }
      })
      const a = await cluster.open('a', {}, world)
      const b = await cluster.open('b', {}, world)
      const { token } = await a.sessions.create({ subject: 'ada' })
      await known(b.sessions, token)
      world.clock.advance(9 * 60_000)
      expect(a.sessions.validate(token).ok).toBe(true)
      // Into every partition that the log has.
      await until('a has written it', async () => await count(a.sessions, 'ActivityRecorded') > 0)
      world.clock.advance(2 * 60_000)
      expect((await b.sessions.authenticate(token)).ok).toBe(true)
      expect(reason(b.sessions, token)).toBe('ok')
    })
  })

  describe('health', () => {
    it('names the other nodes, their clocks and an alarm', async () => {
      await using cluster = new TestCluster(newLog(), { maxClockSkew: '2 seconds' })
      const a = await cluster.open('a')
      const world = manualWorld()
      await cluster.open('b', {}, world)
      await until('a has heard b', () =>
        a.sessions.health().nodes.some(({ node, skewMs }) => node === 'b' && skewMs !== null)
      )
      expect(a.sessions.health().clock.alarm).toBe(true)
    })

    it('forgets a node that closes', async () => {
      await using cluster = new TestCluster(newLog())
      const a = await cluster.open('a')
      const b = await cluster.open('b')
      await until('a knows b', () => a.sessions.health().nodes.length === 1)
      await b.sessions.close()
      await until('b is gone', () => a.sessions.health().nodes.length === 0)
    })
  })

  describe('two processes of one name, without a broadcast', () => {
    it('both say so, and neither takes itself for the whole cluster', async () => {
      const log = newLog()
      const [earlier, later] = [
        await openSessions({ log, node: 'same' }), await openSessions({ log, node: 'same', maxStaleness: 1_000 })
      ]
      for (const one of [earlier, later]) {
        await until('it knows of the other', () => one.health().failures['node'] !== undefined)
        expect(one.health().nodes.map(({ node }) => node)).toEqual(['same'])
      }
      await Promise.all([earlier.close(), later.close()])
    })

    it('one that took the place of another, which is gone, says nothing', async () => {
      const log = newLog()
      await (await openSessions({ log, node: 'same' })).close()
      const later = await openSessions({ log, node: 'same' })
      await later.create({ subject: 'ada' })
      expect(later.health()).toMatchObject({ failures: {}, nodes: [] })
      await later.close()
    })
  })

  describe('a node that closes while the log takes nothing', () => {
    it('has nothing to say of one that stands already', async () => {
      const log = newLog()
      const faults = noFaults()
      const a = await openFacade({ log: faultyLog(log, faults), node: 'a', writeTimeout: 50 }, { clock: systemClock, random })
      const { token } = await a.create({ subject: 'ada' })
      faults.tail = 'cut'
      await a.revoke({ token })
      expect(a.health().revocationsPending).toBe(1)
      faults.append = 'fail'
      const closed = a.close()
      faults.tail = 'ok'
      await closed
      const b = await openSessions({ log, node: 'b' })
      const types: string[] = []
      for await (const { event } of b.events()) types.push(event.type)
      expect(types.filter((type) => type === 'SessionEnded')).toHaveLength(1)
      await b.close()
    })

    it('says which of its revocations are not written, and the node that heard of them writes them', async () => {
      await using cluster = new TestCluster(newLog(), { writeTimeout: 50 })
      const a = await cluster.open('a')
      const b = await cluster.open('b')
      const { token, session } = await a.sessions.create({ subject: 'ada' })
      await known(b.sessions, token)
      a.faults.append = 'fail'
      await expect(a.sessions.revoke({ token })).rejects.toMatchObject({ _tag: 'LogUnavailable' })
      cluster.release('a')
      const unwritten = { _tag: 'LogUnavailable', message: expect.stringContaining(`session ${session.id}`) as string }
      await expect(a.sessions.close()).rejects.toMatchObject(unwritten)
      await expect(a.sessions.close()).rejects.toMatchObject(unwritten)
      await until('b has heard of it', () => reason(b.sessions, token) === 'ended')
      await until('b has written it', () => b.sessions.health().revocationsPending === 0)
      const c = await cluster.open('c')
      expect(reason(c.sessions, token)).toBe('ended')
    })
  })
}
