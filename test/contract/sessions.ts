import { afterEach, describe, expect, it } from 'vitest'
import { openFacade, type Sessions } from '../../consumers/facade.ts'
import type { OpenOptions, World } from '../../consumers/node.ts'
import { sqliteLog } from '../../core/log/sqlite.ts'
import { temporaryPath } from '../support/temp.ts'
import { manualWorld, type ManualClock } from '../support/world.ts'
import { until } from '../support/until.ts'

/** What a session store does on one node, whatever its log. `newLog` makes one that is used for one test. */
export const suite = (name: string, newLog: () => OpenOptions['log']): void => {
  describe(`sessions on a log: ${name}`, () => sessionsOn(newLog))
}

const minutes = 60_000

const sessionsOn = (newLog: () => OpenOptions['log']): void => {
  const opened: Sessions[] = []
  afterEach(async () => { for (const one of opened.splice(0)) await one.close() })

  const open = async (options: Partial<OpenOptions> = {}): Promise<{ sessions: Sessions; clock: ManualClock }> => {
    const world = manualWorld()
    const sessions = await openIn(world, options)
    return { sessions, clock: world.clock }
  }
  // Time jumps in these tests; what the fence makes of that has a suite of its own.
  const openIn = async (world: World, options: Partial<OpenOptions> = {}): Promise<Sessions> => {
    const sessions = await openFacade({ log: newLog(), node: 'a', onStale: 'serve', ...options }, world)
    opened.push(sessions)
    return sessions
  }
  const error = (promise: Promise<unknown>) => promise.then(() => undefined, (cause: { _tag?: string }) => cause._tag)

  describe('create', () => {
    it('gives a token that is good at once, and a session that says whose it is', async () => {
      const { sessions, clock } = await open()
      const { token, session } = await sessions.create({
        subject: 'ada', tenant: 'shop', attributes: { cart: [1] }, device: { label: 'Firefox' },
        authentication: { level: 'aal2', methods: ['password', 'otp'] }
      })
      expect(token).toMatch(/^[A-Za-z0-9_-]{52}$/)
      const verdict = sessions.validate(token)
      expect(verdict.ok).toBe(true)
      expect(JSON.parse(JSON.stringify(session))).toEqual({
        id: session.id, subject: 'ada', tenant: 'shop', version: 1, startedAt: clock.wall(), lastSeenAt: clock.wall(),
        expiresAt: clock.wall() + 30 * minutes, attributes: { cart: [1] }, device: { label: 'Firefox' },
        authentication: { level: 'aal2', methods: ['password', 'otp'], at: clock.wall() }
      })
      expect(sessions.get(session.id)?.subject).toBe('ada')
    })

    it('replaces the session that it continues and carries its attributes over', async () => {
      const { sessions } = await open()
      const anonymous = await sessions.create({ subject: null, attributes: { cart: [1], theme: 'dark' } })
      const login = await sessions.create({ subject: 'ada', continues: anonymous.token, attributes: { theme: 'light' } })
      expect(sessions.validate(anonymous.token)).toEqual({ ok: false, reason: 'ended' })
      expect(login.session.attributes).toEqual({ cart: [1], theme: 'light' })
    })

    it.each([
      ['subject', { subject: '' }],
      ['subject', { subject: 7 }],
      ['subject', {}],
      ['tenant', { subject: 'a', tenant: '' }],
      ['device', { subject: 'a', device: { label: 'x'.repeat(129) } }],
      ['authentication', { subject: 'a', authentication: { level: '', methods: [] } }],
      ['colour', { subject: 'a', colour: 1 }],
      ['continues', { subject: 'a', continues: 'nonsense' }]
    ])('names the option %s that cannot stand: %j', async (option, options) => {
      const { sessions } = await open()
      await expect(sessions.create(options as never)).rejects.toMatchObject({ _tag: 'InvalidOptions', option })
    })

    it.each([
      ['AttributesTooLarge', { text: 'x'.repeat(5_000) }],
      ['AttributesInvalid', JSON.parse('{"__proto__":{"admin":true}}')],
      ['AttributesInvalid', { when: new Date(0) }], ['AttributesInvalid', { f: () => 1 }], ['AttributesInvalid', []]
    ])('refuses attributes with %s', async (code, attributes) => {
      const { sessions } = await open()
      expect(await error(sessions.create({ subject: 'a', attributes: attributes as never }))).toBe(code)
    })
  })

  describe('limits', () => {
    it('refuses at the idle limit, not a millisecond before, and activity moves it', async () => {
      const { sessions, clock } = await open()
      const { token } = await sessions.create({ subject: 'ada' })
      clock.advance(20 * minutes)
      expect(sessions.validate(token).ok).toBe(true)
      clock.advance(30 * minutes - 1)
      expect(sessions.validate(token, { touch: false }).ok).toBe(true)
      clock.advance(1)
      expect(sessions.validate(token)).toEqual({ ok: false, reason: 'idle' })
    })

    it('refuses at the absolute limit whatever the activity', async () => {
      const { sessions, clock } = await open({ limits: { idle: '5 minutes', absolute: '10 minutes' } })
      const { token } = await sessions.create({ subject: 'ada' })
      for (let i = 0; i < 9; i++) {
        clock.advance(minutes)
        expect(sessions.validate(token).ok).toBe(true)
      }
      clock.advance(minutes)
      expect(sessions.validate(token)).toEqual({ ok: false, reason: 'absolute' })
      clock.jump(-60 * minutes)
      expect(sessions.validate(token)).toEqual({ ok: false, reason: 'absolute' })
    })

    it('asks for a rotation past the renewal limit', async () => {
      const { sessions, clock } = await open({ limits: { idle: '5 minutes', absolute: '1 hour', renew: '1 minute' } })
      const { token } = await sessions.create({ subject: 'ada' })
      expect(sessions.validate(token)).not.toHaveProperty('renew')
      clock.advance(61_000)
      expect(sessions.validate(token)).toMatchObject({ ok: true, renew: true })
    })

    it('aborts the signal when the session expires, and leaves no timer', async () => {
      const { sessions, clock } = await open({ limits: { idle: '5 minutes', absolute: '1 hour' } })
      const { token, session } = await sessions.create({ subject: 'ada' })
      const signal = sessions.signal(session.id)
      clock.advance(4 * minutes)
      expect(sessions.validate(token).ok).toBe(true)
      clock.advance(4 * minutes)
      expect(signal.aborted).toBe(false)
      clock.advance(minutes)
      expect(signal.aborted).toBe(true)
      expect(signal.reason).toMatchObject({ name: 'SessionOver', reason: 'idle', session: session.id })
      expect(clock.waiting()).toBe(0)
    })
  })

  describe('rotate', () => {
    it('keeps the old token good until the new one is presented, and its grace more', async () => {
      const { sessions, clock } = await open({ grace: '30 seconds' })
      const old = await sessions.create({ subject: 'ada' })
      const next = await sessions.rotate(old.token)
      expect(next.session.id).toBe(old.session.id)
      clock.advance(2 * minutes)
      expect(sessions.validate(old.token).ok).toBe(true)
      expect(sessions.validate(next.token).ok).toBe(true)
      await until('the new token is confirmed', () => (sessions.get(old.session.id)?.version ?? 0) === 3)
      clock.advance(29_999)
      expect(sessions.validate(old.token).ok).toBe(true)
      clock.advance(1)
      expect(sessions.validate(old.token)).toEqual({ ok: false, reason: 'superseded' })
      await until('the theft ends the session', () => {
        const verdict = sessions.validate(next.token)
        return !verdict.ok && verdict.reason === 'ended'
      })
    })

    it('lets exactly one of several at once win, and locks nobody out', async () => {
      // A log whose appends take time: all four decide on the same state.
      const { sessions } = await open({ log: sqliteLog({ path: temporaryPath('rotate.db') }) })
      const { token } = await sessions.create({ subject: 'ada' })
      const results = await Promise.allSettled([1, 2, 3, 4].map(() => sessions.rotate(token)))
      const won = results.filter((result) => result.status === 'fulfilled')
      expect(won).toHaveLength(1)
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ _tag: 'Conflict' })
      }
      expect(sessions.validate(token).ok).toBe(true)
      expect(sessions.validate(won[0]!.value.token).ok).toBe(true)
    })

    it('is a conflict while the answer to another one may be under way, and locks nobody out', async () => {
      const { sessions, clock } = await open({ grace: '30 seconds' })
      const { token, session } = await sessions.create({ subject: 'ada' })
      const lost = await sessions.rotate(token)
      expect(await error(sessions.rotate(token))).toBe('Conflict')
      expect(sessions.validate(token).ok).toBe(true)
      clock.advance(30_000)
      const next = await sessions.rotate(token)
      expect(sessions.validate(token).ok).toBe(true)
      expect(sessions.validate(lost.token).ok).toBe(true)
      await until('the late token is confirmed', () => (sessions.get(session.id)?.version ?? 0) === 4)
      clock.advance(60_000)
      expect(sessions.validate(lost.token).ok).toBe(true)
      expect(sessions.validate(next.token).ok).toBe(true)
    })

    it('gives what a step-up brings to the new token alone', async () => {
      const { sessions } = await open()
      const { token } = await sessions.create({
        subject: 'ada',
        authentication: { level: 'aal1', methods: ['password'] }
      })
      const strong = await sessions.reauthenticate(token, { level: 'aal2', methods: ['otp'] })
      expect(strong.session.authentication.level).toBe('aal2')
      const old = sessions.validate(token)
      expect(old.ok && old.session.authentication.level).toBe('aal1')
      const fresh = sessions.validate(strong.token)
      expect(fresh.ok && fresh.session.authentication.level).toBe('aal2')
      expect(await error(sessions.rotate(token))).toBe('Conflict')
    })

    it('refuses a token that is over, unknown or none', async () => {
      const { sessions } = await open()
      const { token } = await sessions.create({ subject: 'ada' })
      await sessions.revoke({ token })
      expect(await error(sessions.rotate(token))).toBe('NotFound')
      expect(await error(sessions.rotate('A'.repeat(52)))).toBe('NotFound')
      expect(await error(sessions.rotate(undefined as never))).toBe('NotFound')
    })
  })

  describe('update', () => {
    it('merges concurrent patches of different keys', async () => {
      const { sessions } = await open()
      const { token, session } = await sessions.create({ subject: 'ada', attributes: { a: 1 } })
      await Promise.all([sessions.update(token, { b: 2 }), sessions.update({ id: session.id }, { c: 3, a: null })])
      expect(sessions.get(session.id)?.attributes).toEqual({ b: 2, c: 3 })
    })

    it('with ifVersion lets exactly one win', async () => {
      const { sessions } = await open()
      const { token } = await sessions.create({ subject: 'ada' })
      const results = await Promise.allSettled([1, 2, 3].map((n) => sessions.update(token, { n }, { ifVersion: 1 })))
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      for (const result of results) if (result.status === 'rejected') expect(result.reason._tag).toBe('Conflict')
    })

    it('leaves a session that a request holds as it was', async () => {
      const { sessions } = await open()
      const { token } = await sessions.create({ subject: 'ada', attributes: { a: 1 } })
      const verdict = sessions.validate(token)
      await sessions.update(token, { a: 2 })
      await sessions.revoke({ token })
      expect(verdict.ok && verdict.session.attributes).toEqual({ a: 1 })
      expect(verdict.ok && verdict.session.subject).toBe('ada')
    })
  })

  describe('revoke', () => {
    it('ends one, by token or id, at once and for good', async () => {
      const { sessions } = await open()
      const [one, two] = [await sessions.create({ subject: 'ada' }), await sessions.create({ subject: 'ada' })]
      const revoking = sessions.revoke({ token: one.token })
      expect(sessions.validate(one.token)).toEqual({ ok: false, reason: 'ended' })
      expect(await revoking).toMatchObject({ ended: 1, confirmedBy: ['a'] })
      expect((await sessions.revoke({ id: two.session.id })).ended).toBe(1)
      expect((await sessions.revoke({ id: two.session.id })).ended).toBe(0)
      expect(await error(sessions.update(one.token, { a: 1 }))).toBe('NotFound')
      expect(sessions.get(one.session.id)).toBeUndefined()
      expect(await error(sessions.revoke({ token: 'A'.repeat(52) }))).toBe('NotFound')
    })

    it('ends all of a subject but one, of a tenant, of all, and those before a time', async () => {
      const { sessions, clock } = await open()
      const make = async (subject: string, tenant: string) => sessions.create({ subject, tenant })
      const [a1, a2] = [await make('ada', 'x'), await make('ada', 'x')]
      const bob = await make('bob', 'y')
      expect((await sessions.revoke({ subject: 'ada', except: a2.token })).ended).toBe(1)
      const good = () => [a1, a2, bob].map(({ token }) => sessions.validate(token).ok)
      expect(good()).toEqual([false, true, true])
      clock.advance(1_000)
      const later = await make('cy', 'y')
      expect((await sessions.revoke({ tenant: 'y', before: later.session.startedAt })).ended).toBe(1)
      expect(good()).toEqual([false, true, false])
      expect(sessions.validate(later.token).ok).toBe(true)
      await sessions.revoke({ all: true })
      expect(sessions.validate(later.token)).toEqual({ ok: false, reason: 'ended' })
      expect((await make('ada', 'x')).session.subject).toBe('ada')
    })

    it('aborts the signals of what it ends, with the reason', async () => {
      const { sessions } = await open()
      const a = await sessions.create({ subject: 'ada', tenant: 'x' })
      const b = await sessions.create({ subject: 'bob', tenant: 'x' })
      const [first, second] = [sessions.signal(a.session.id), sessions.signal(b.session.id)]
      await sessions.revoke({ token: a.token })
      expect(first.reason).toMatchObject({ reason: 'logout' })
      expect(second.aborted).toBe(false)
      await sessions.revoke({ tenant: 'x' }, { by: 'admin-7' })
      expect(second.reason).toMatchObject({ reason: 'revoked' })
      expect(sessions.signal(a.session.id).aborted).toBe(true)
      expect(sessions.signal('nonsense').aborted).toBe(true)
    })

    it('confirms to a cluster of one without waiting', async () => {
      const { sessions } = await open()
      const { token } = await sessions.create({ subject: 'ada' })
      const receipt = await sessions.revoke({ token }, { confirm: 'cluster' })
      expect(receipt.confirmedBy).toEqual(['a'])
      expect(receipt.confirmedAfterMs).toBeGreaterThanOrEqual(0)
    })

    it.each([
      ['target', {}],
      ['target', null],
      ['target', { all: false }],
      ['subject', { subject: '' }],
      ['before', { subject: 'a', before: -1 }],
      ['before', { all: true, before: 'now' }],
      ['except', { subject: 'a', except: 'x' }]
    ])('names the option %s that cannot stand: %j', async (option, target) => {
      const { sessions } = await open()
      await expect(sessions.revoke(target as never)).rejects.toMatchObject({ _tag: 'InvalidOptions', option })
    })
  })

  describe('the cap on sessions of a subject', () => {
    it('ends the oldest', async () => {
      const { sessions } = await open({ maxSessionsPerSubject: 2 })
      const made = []
      for (let i = 0; i < 3; i++) made.push(await sessions.create({ subject: 'ada' }))
      expect(made.map(({ token }) => sessions.validate(token).ok)).toEqual([false, true, true])
    })

    it('refuses, where the owner wants that', async () => {
      const { sessions } = await open({ maxSessionsPerSubject: 2, onTooMany: 'refuse' })
      const results = await Promise.allSettled([1, 2, 3, 4].map(() => sessions.create({ subject: 'ada' })))
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
      expect(sessions.list({ subject: 'ada' })).toHaveLength(2)
      for (const result of results) if (result.status === 'rejected') expect(result.reason._tag).toBe('TooManySessions')
    })

    it('holds for logins at once', async () => {
      const { sessions } = await open({ maxSessionsPerSubject: 3 })
      const made = await Promise.all(
        Array.from({ length: 12 }, () => sessions.create({ subject: 'ada' }).catch(() => null))
      )
      expect(sessions.list({ subject: 'ada' })).toHaveLength(3)
      expect(made.filter((one) => one !== null && sessions.validate(one.token).ok)).toHaveLength(3)
    })
  })

  describe('lists and the audit trail', () => {
    it('lists newest first', async () => {
      const { sessions, clock } = await open()
      const ids = []
      for (const tenant of ['x', 'y', 'x']) {
        ids.unshift((await sessions.create({ subject: 'ada', tenant })).session.id)
        clock.advance(1_000)
      }
      expect(sessions.list({ subject: 'ada' }).map(({ id }) => id)).toEqual(ids)
      expect(sessions.list({ tenant: 'x' }).map(({ id }) => id)).toEqual([ids[0], ids[2]])
      expect(sessions.list({ subject: 'nobody' })).toEqual([])
    })

    it('tells what happened, in order, and goes on if asked', async () => {
      const { sessions } = await open()
      const { token } = await sessions.create({ subject: 'ada' })
      await sessions.revoke({ token }, { by: 'admin-7' })
      const past = []
      for await (const { event } of sessions.events()) past.push(event.type)
      expect(past).toEqual(['NodeAnnounced', 'SessionStarted', 'SessionEnded'])
      const live = sessions.events({ live: true, from: sessions.health().position })[Symbol.asyncIterator]()
      const next = live.next()
      await sessions.create({ subject: 'bob' })
      expect((await next).value.event.type).toBe('SessionStarted')
      await live.return?.()
    })
  })

  describe('values that no type allows', () => {
    it.each([undefined, null, 'x', 7, [], {}])('as options: %j', async (given) => {
      const { sessions } = await open()
      const { token, session } = await sessions.create({ subject: 'ada' })
      const any = given as never
      expect(sessions.validate(token, any).ok).toBe(true)
      expect((await sessions.authenticate(token, any)).ok).toBe(true)
      expect(sessions.list(any)).toEqual([])
      expect(sessions.get(any)).toBeUndefined()
      expect(sessions.signal(any).aborted).toBe(true)
      expect(await error(sessions.update(any, {}))).toBe('NotFound')
      expect(await error(sessions.revoke(any))).toMatch(/InvalidOptions/)
      expect(await error(sessions.create(any))).toBe('InvalidOptions')
      if (given !== undefined && given !== null) return
      expect((await sessions.update({ id: session.id }, {}, any)).id).toBe(session.id)
    })

    it('refuses a misspelt option of revoke instead of ending more than was meant', async () => {
      const { sessions } = await open()
      const { token, session } = await sessions.create({ subject: 'ada' })
      for (const revoking of [
        sessions.revoke({ subject: 'ada', excpet: session.id } as never),
        sessions.revoke({ subject: 'ada', tenant: 'x' } as never),
        sessions.revoke({ token }, { confrim: 'cluster' } as never),
        sessions.revoke({ subject: 'ada', before: new Date(8.64e15) })
      ]) expect(await error(revoking)).toBe('InvalidOptions')
      expect(sessions.validate(token).ok).toBe(true)
    })
  })

  it('a target or option that throws when it is read is named like any other that is wrong', async () => {
    const { sessions } = await open()
    const bad = { get token(): string { throw new Error('read') } }
    await expect(sessions.revoke(bad)).rejects.toMatchObject({ _tag: 'InvalidOptions', option: 'target' })
    const options = { get by(): string { throw new Error('read') } }
    await expect(sessions.revoke({ all: true }, options)).rejects.toMatchObject({ _tag: 'InvalidOptions' })
  })

  describe('racing logins of one subject', () => {
    it('leave as many as there may be, and write about one end for each that is too many', async () => {
      const { sessions } = await open({ maxSessionsPerSubject: 4 })
      await Promise.allSettled(Array.from({ length: 60 }, () => sessions.create({ subject: 'ada' })))
      expect(sessions.list({ subject: 'ada' })).toHaveLength(4)
      let written = 0
      for await (const _ of sessions.events()) written++
      expect(written).toBeLessThan(60 * 2 + 10)
    })
  })

  describe('close', () => {
    it('refuses everything afterwards, and may be called again', async () => {
      const { sessions } = await open()
      const { token, session } = await sessions.create({ subject: 'ada' })
      const signal = sessions.signal(session.id)
      await Promise.all([sessions.close(), sessions.close()])
      expect(sessions.validate(token)).toEqual({ ok: false, reason: 'stale' })
      expect(await error(sessions.create({ subject: 'ada' }))).toBe('Closed')
      expect(signal.reason).toMatchObject({ reason: 'closed' })
      expect(sessions.health().fenced).toContain('closed')
    })
  })

  describe('no token is ever kept', () => {
    it('in events, health, lists or errors', async () => {
      const { sessions } = await open()
      const one = await sessions.create({ subject: 'ada' })
      const two = await sessions.rotate(one.token)
      sessions.validate(two.token)
      await sessions.revoke({ subject: 'ada' })
      const failures = await Promise.all([one.token, two.token].flatMap((token) => [
        sessions.rotate(token), sessions.update(token, {}), sessions.create({ subject: 'b', continues: token })
      ].map((promise) => promise.catch((cause: Error) => `${cause.message} ${cause.stack} ${JSON.stringify(cause)}`))))
      const kept = [
        JSON.stringify(sessions.health()),
        JSON.stringify(sessions.list({ subject: 'ada' })),
        ...failures.map(String)
      ]
      for await (const record of sessions.events()) kept.push(JSON.stringify(record))
      expect(failures.every((text) => typeof text === 'string')).toBe(true)
      for (const text of kept) for (const token of [one.token, two.token]) expect(text).not.toContain(token)
    })
  })

  describe('options', () => {
    it.each([
      ['node', { node: '' }], ['limits.idle', { limits: { idle: 'soon' } }], ['limits', { limits: 'aal9' }],
      ['maxStaleness', { maxStaleness: 1 }], ['onStale', { onStale: 'hope' }], ['onTooMany', { onTooMany: 'x' }],
      ['maxSessionsPerSubject', { maxSessionsPerSubject: 0 }], ['grace', { grace: '2 hours' }],
      ['writeTimeout', { writeTimeout: -1 }], ['maxClockSkew', { maxClockSkew: Number.NaN }],
      ['expectedSessions', { expectedSessions: 1.5 }], ['log', { log: 'sessions.db' }], ['broadcast', { broadcast: {} }],
      ['colour', { colour: 'red' }]
    ])('names %s', async (option, options) => {
      const opening = openFacade({ log: newLog(), ...options } as never, manualWorld())
      await expect(opening).rejects.toMatchObject({ _tag: 'InvalidOptions', option })
    })
  })
}
