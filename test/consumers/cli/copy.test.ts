import Database from 'better-sqlite3'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSessions, type Sessions, sqliteLog } from '../../../index.ts'
import { jetstreamLog } from '../../../core/log/jetstream.ts'
import { runCli, startCli } from '../../support/cli-process.ts'
import { startJetstream } from '../../support/jetstream.ts'
import { describeWithNats, type NatsServer } from '../../support/nats-server.ts'
import { temporaryFolder } from '../../support/temp.ts'
import { until } from '../../support/until.ts'
import { eventsOf } from '../../support/sample-events.ts'
import { LogNode } from '../../support/log-node.ts'

const some = async (path: string, count: number): Promise<void> => {
  const node = await LogNode.open(sqliteLog({ path, retention: 'forever' }))
  for (let i = 0; i < count; i += 500) await node.append(...eventsOf('ann', `c${i}-`, 500))
  await node.close()
}

describe('curfew copy', () => {
  it('makes the other log only if that is asked for', async () => {
    const folder = temporaryFolder()
    const [from, to] = [join(folder, 'old.db'), join(folder, 'new.db')]
    await some(from, 500)
    const args = ['copy', '--from', `sqlite:${from}`, '--to', `sqlite:${to}`]
    expect(await runCli(...args)).toMatchObject({ code: 1, out: '', err: `curfew copy: There is no log ${to}.\n` })
    expect(existsSync(to)).toBe(false)
    const copied = (count: number) => ({ code: 0, out: expect.stringMatching(`^${count} events copied\\.`) as string, err: '' })
    expect(await runCli(...args, '--create')).toMatchObject(copied(500))
    expect(await runCli(...args)).toMatchObject(copied(0))
    expect(await runCli('copy', '--from', `sqlite:${to}`, '--to', `sqlite:${from}`)).toMatchObject({
      code: 1, err: expect.stringContaining('has events of its own') as string
    })
  })

  it('stopped or killed, leaves both logs so that it can go on', async () => {
    const folder = temporaryFolder()
    const [from, to] = [join(folder, 'old.db'), join(folder, 'new.db')]
    await some(from, 20_000)
    const args = ['copy', '--from', `sqlite:${from}`, '--to', `sqlite:${to}`, '--create']
    // Looks past the log itself, which is not to be waited for.
    const events = (): number => {
      const database = new Database(to, { readonly: true })
      try {
        const isMade = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'event'").get() !== undefined
        return isMade ? database.prepare('SELECT count(*) FROM event').pluck().get() as number : 0
      } finally {
        database.close()
      }
    }
    let stood = 0
    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      const { child, end } = startCli(args)
      await until('it has copied some', () => existsSync(`${to}-wal`) && events() > stood + 1_000)
      child.kill(signal)
      const { code, err } = await end
      if (signal === 'SIGINT') expect([code, err]).toEqual([130, 'Stopped. The cluster goes on as before. Run it again to go on.\n'])
      const stands = events()
      expect(stands).toBeLessThan(20_000)
      expect(stands).toBeGreaterThan(stood)
      stood = stands
    }
    expect((await runCli(...args)).code).toBe(0)
    // The beginning and the end of the copy are records, too.
    expect(events()).toBe(20_002)
  })
})

describeWithNats('curfew copy, on a cluster that runs', () => {
  let server: NatsServer
  beforeAll(async () => { server = await startJetstream() })
  afterAll(() => server.kill())

  it('moves it, and nobody is logged out', async () => {
    const path = join(temporaryFolder(), 'old.db')
    const open = (node: string, isMoving: boolean): Promise<Sessions> => openSessions(isMoving
      ? { node, log: jetstreamLog({ servers: server.url, cluster: 'shop' }), movingFrom: { log: sqliteLog({ path }) } }
      : { node, log: sqliteLog({ path }) })
    const before = await open('app-1', false)
    const { token } = await before.create({ subject: 'ada' })
    const args = ['copy', '--from', `sqlite:${path}`, '--to', `jetstream:${server.url}?cluster=shop`]
    const unready = /These nodes would not go over .* app-1\. Start them with the option movingFrom/
    expect((await runCli(...args, '--create')).err).toMatch(unready)
    await before.close()
    const nodes = [await open('app-1', true), await open('app-2', true)]
    try {
      for (const node of nodes) {
        expect(node.validate(token).ok).toBe(true)
        expect(node.health()).toMatchObject({ move: { state: 'waiting' }, log: { kind: 'sqlite' } })
      }
      expect(await runCli(...args)).toMatchObject({ code: 0, err: '' })
      await until('all went over', () => nodes.every((node) => node.health().move?.state === 'moved'))
      for (const node of nodes) expect(node.health().log.kind).toBe('jetstream')
      expect(nodes.map((node) => node.validate(token).ok)).toEqual([true, true])
      await nodes[0]!.revoke({ token })
      await until('it is refused on the other', () => !nodes[1]!.validate(token).ok)
    } finally {
      await Promise.all(nodes.map((node) => node.close()))
    }
    const alone = await openSessions({ node: 'app-1', log: jetstreamLog({ servers: server.url, cluster: 'shop' }) })
    expect(alone.validate(token)).toEqual({ ok: false, reason: 'ended' })
    expect(alone.health().move).toBe(null)
    await alone.close()
  })
})
