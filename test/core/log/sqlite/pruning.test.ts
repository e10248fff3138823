import { createSecretKey } from 'node:crypto'
import Database from 'better-sqlite3'
import * as Effect from 'effect/Effect'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { DomainEvent } from '../../../../core/domain/events.ts'
import { InvalidOptions, LogDamaged } from '../../../../core/errors.ts'
import { position, start } from '../../../../core/log/position.ts'
import { sqliteLog, verifyLog, type SqliteLogOptions, type VerifyOptions } from '../../../../core/log/sqlite.ts'
import { openWriter } from '../../../../core/log/sqlite/format.ts'
import { link, toBytes, type Link } from '../../../../core/log/sqlite/chain.ts'
import { Records } from '../../../../core/log/sqlite/records.ts'
import { Retention } from '../../../../core/log/sqlite/retention.ts'
import { Pruning } from '../../../../core/log/sqlite/pruning.ts'
import { openSessions } from '../../../../index.ts'
import { LogNode } from '../../../support/log-node.ts'
import { eventOf, sessionIdOf } from '../../../support/sample-events.ts'
import { temporaryPath } from '../../../support/temp.ts'
import { manualWorld } from '../../../support/world.ts'
import { until } from '../../../support/until.ts'

const key = 'the key of a pruned log'
const verify = (path: string, options?: VerifyOptions) => Effect.runPromise(verifyLog(path, options))
const eventAt = (at: number, i: number): DomainEvent => ({ ...eventOf('ann', `c${i}`), at })

/** A log of so many records, a second apart, the last of them at `lastAt`. */
const logOf = async (count: number, lastAt: number, options: SqliteLogOptions = {}): Promise<string> => {
  const path = temporaryPath('log.db')
  const node = await LogNode.open(sqliteLog({ path, retention: 'forever', ...options }))
  await node.append(...Array.from({ length: count }, (_, i) => eventAt(lastAt - (count - 1 - i) * 1_000, i)))
  await node.close()
  return path
}

const startedFor = (absolute: number, at: number): DomainEvent => ({
  type: 'SessionStarted', v: 1, at, by: eventOf('ann', 'c').by, command: 'c-start' as never, session: sessionIdOf(1),
  subject: 'ann', tenant: null,
  digest: 'A'.repeat(43) as never, limits: { idle: 3_600_000, absolute, renew: null },
  authentication: { level: 'aal1', methods: [], at }, device: null, attributes: {}, continues: null
})

const pruning = (path: string, secret?: string): Pruning => {
  const opened = openWriter(path)
  if (!opened.ok) throw new Error(opened.failure.message)
  onTestFinished(() => { opened.db.close() })
  return new Pruning(opened.db, secret === undefined ? undefined : createSecretKey(Buffer.from(secret)))
}
const all = (one: Pruning, retentionMs: number, wall: number): number => {
  for (;;) {
    const { more, pruned } = one.step(retentionMs, wall)
    if (!more) return pruned
  }
}
const alter = (path: string, sql: string): void => {
  const db = new Database(path)
  db.exec(sql)
  db.close()
}
const commandsOf = async (path: string): Promise<readonly string[]> => {
  const node = await LogNode.open(sqliteLog({ path, retention: 'forever' }))
  const records = await node.read(start)
  await node.close()
  return records.map(({ event }) => 'command' in event ? event.command : 'unreadable')
}

const now = 1_800_000_000_000

describe('pruning', () => {
  it('takes what is older than it must be kept, page by page, and what is left is whole', async () => {
    const path = await logOf(1_000, now)
    const one = pruning(path, key)
    const first = one.step(400_000, now)
    expect(first).toEqual({ pruned: 128, more: true, refused: null })
    // By the earliest of the last hundred it is 99 s before that.
    expect(all(one, 400_000, now)).toBe(500)
    expect(await verify(path, { key })).toMatchObject({
      intact: true, pruned: 500, records: 500, position: position([1_000]), problem: null
    })
    expect((await commandsOf(path))[0]).toBe('c500')
    expect(one.step(400_000, now)).toEqual({ pruned: 500, more: false, refused: null })
  })

  it('leaves the last records, whatever their age, so that no number is given twice', async () => {
    const path = await logOf(300, now)
    expect(all(pruning(path), -1e9, now)).toBe(200)
    const node = await LogNode.open(sqliteLog({ path, retention: 'forever' }))
    expect(await node.append(eventAt(now, 300))).toEqual(position([301]))
    await node.close()
    expect(await verify(path)).toMatchObject({ intact: true, records: 101, pruned: 200 })
  })

  it('does not believe one clock that is ahead of what others have written', async () => {
    const path = await logOf(1_000, now)
    expect(all(pruning(path), 2_000_000, now + 1e9)).toBe(0)
    // One of those who wrote last is ahead as well.
    alter(path, `DELETE FROM event WHERE seq = 1000`)
    const node = await LogNode.open(sqliteLog({ path, retention: 'forever' }))
    await node.append(eventAt(now + 1e9, 1_000))
    await node.close()
    expect(all(pruning(path), 2_000_000, now + 1e9)).toBe(0)
  })

  it('does not believe a node that has written all the last records, where another has written before it', async () => {
    const path = await logOf(500, now)
    const node = await LogNode.open(sqliteLog({ path, retention: 'forever' }))
    await node.append(...Array.from({ length: 300 }, (_, i) => ({ ...eventAt(now + 1e9 + i, 500 + i), by: 'fast' })))
    await node.close()
    expect(all(pruning(path), 2_000_000, now + 1e9)).toBe(0)
  })

  it('keeps the start of a session that may be alive, whatever is kept otherwise, and all behind it', async () => {
    const path = await logOf(300, now)
    const node = await LogNode.open(sqliteLog({ path, retention: 'forever' }))
    const days = 86_400_000
    await node.append(startedFor(30 * days, now), ...Array.from({ length: 300 }, (_, i) => eventAt(now + 20 * days + i, 301 + i)))
    await node.close()
    expect(all(pruning(path), 2 * days, now + 20 * days)).toBe(300)
    const later = await LogNode.open(sqliteLog({ path, retention: 'forever' }))
    await later.append(...Array.from({ length: 1_000 }, (_, i) => eventAt(now + 34 * days + i, 601 + i)))
    await later.close()
    expect(all(pruning(path), 2 * days, now + 34 * days)).toBe(601)
  })

  it('stops at what does not say when it was', async () => {
    const path = await logOf(200, now)
    // As a version to come might write it.
    const before = Buffer.from((await verify(path)).hash, 'hex').toString('latin1') as Link
    const body = JSON.stringify({ v: 2, type: 'SomethingNew' })
    const db = new Database(path)
    db.prepare('INSERT INTO event VALUES (201, ?, ?)').run(body, toBytes(link(before, 201, body)))
    db.close()
    const node = await LogNode.open(sqliteLog({ path, retention: 'forever' }))
    await node.append(...Array.from({ length: 200 }, (_, i) => eventAt(now + i, 201 + i)))
    await node.close()
    expect(all(pruning(path), -1e6, now + 1e9)).toBe(200)
    expect(await verify(path)).toMatchObject({ intact: true, pruned: 200, records: 201 })
  })

  it.each([
    ['a text', 150, `UPDATE event SET body = replace(body, 'ann', 'eve') WHERE seq = 150`, 600],
    ['a hash, right where pruning would stop', 350, `UPDATE event SET hash = zeroblob(32) WHERE seq = 350`, 150_000]
  ])('does not vouch for what somebody has changed: %s', async (_, seq, sql, retentionMs) => {
    const path = await logOf(600, now)
    alter(path, sql)
    expect(all(pruning(path), retentionMs, now)).toBeLessThan(seq)
    expect(await verify(path)).toMatchObject({ intact: false })
  })

  it('a beginning that was cut off by someone without the key is found out', async () => {
    const path = await logOf(600, now)
    expect(all(pruning(path), 300_000, now)).toBeGreaterThan(0)
    expect(await verify(path)).toMatchObject({ intact: true })
    expect(await verify(path, { key })).toMatchObject({
      intact: false, problem: expect.stringContaining('no node with this key has pruned it') as string
    })
    const other = await logOf(600, now)
    expect(all(pruning(other, 'another key, of a thief'), 300_000, now)).toBeGreaterThan(0)
    expect(await verify(other, { key })).toMatchObject({ intact: false })
    // A signature says which place it is of.
    const moved = await logOf(600, now)
    expect(all(pruning(moved, key), 300_000, now)).toBe(200)
    alter(moved, `UPDATE anchor SET seq = 300, hash = (SELECT hash FROM event WHERE seq = 300); DELETE FROM event WHERE seq <= 300`)
    expect(await verify(moved)).toMatchObject({ intact: true, pruned: 300 })
    expect(await verify(moved, { key })).toMatchObject({ intact: false })
  })

  it('a beginning that was cut off is not signed by pruning on from there', async () => {
    const path = await logOf(600, now)
    alter(path, `INSERT INTO anchor (id, seq, hash, signature) SELECT 1, 200, hash, NULL FROM event WHERE seq = 200;
      DELETE FROM event WHERE seq <= 200`)
    expect(pruning(path, key).step(1_000, now)).toMatchObject({ pruned: 200, more: false, refused: expect.any(String) as string })
    expect(await verify(path, { key })).toMatchObject({ intact: false, pruned: 200 })
    const node = await LogNode.open(sqliteLog({ path, key, retention: '1 second' }))
    await until('it says so', () => node.log.status().failure?.includes('no node with this key has pruned') === true)
    await node.close()
  })

  it('is no damage to who checks the log meanwhile', async () => {
    const path = await logOf(1_000, now)
    const one = pruning(path)
    const { anchor } = Records.prototype
    onTestFinished(() => { Records.prototype.anchor = anchor })
    Records.prototype.anchor = function(this: Records) {
      const found = anchor.call(this)
      // Between the beginning of the check and its first page.
      Records.prototype.anchor = anchor
      one.step(1_000, now)
      return found
    }
    expect(await verify(path)).toMatchObject({ intact: true, pruned: 128, records: 872 })
  })

  it('an anchor that is none is damage', async () => {
    const path = await logOf(300, now)
    all(pruning(path), 100_000, now)
    alter(path, `UPDATE anchor SET hash = x'00'`)
    expect(await verify(path)).toMatchObject({ intact: false, problem: expect.stringContaining('anchor is damaged') as string })
  })
})

describe('a reader of a pruned log', () => {
  it('begins with what is kept, or says that what it asks for is gone', async () => {
    const path = await logOf(1_000, now)
    expect(all(pruning(path), 400_000, now)).toBe(500)
    const node = await LogNode.open(sqliteLog({ path, retention: 'forever' }))
    expect(await node.read(position([0]))).toHaveLength(500)
    expect(await node.read(position([500]))).toHaveLength(500)
    expect(await node.read(position([501]))).toHaveLength(499)
    for (const gone of [1, 499]) {
      const error = await node.read(position([gone])).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(LogDamaged)
      expect((error as LogDamaged).message).toContain('too old to be kept')
    }
    await node.close()
  })

  it('that was not there yet ends with it, and one that was goes on', async () => {
    const path = await logOf(1_000, now)
    const node = await LogNode.open(sqliteLog({ path, retention: 'forever' }))
    let release = (): void => {}
    const held = new Promise<void>((resolve) => { release = resolve })
    const slow = node.follow(start, () => held)
    const quick = node.follow(start)
    await until('the slow one has begun, the quick one has it all', () => slow.records.length > 0 && quick.records.length === 1_000)
    all(pruning(path), 100_000, now)
    release()
    await until('the slow one ends', () => slow.error() !== undefined)
    expect(slow.error()).toBeInstanceOf(LogDamaged)
    expect((slow.error() as LogDamaged).message).toContain('too old to be kept')
    await node.append(eventAt(now, 1_000))
    await until('the quick one goes on', () => quick.records.length === 1_001)
    await quick.stop()
    await node.close()
  })
})

describe('the option retention', () => {
  it('prunes while the log is in use, and the room of the file is used again', async () => {
    const path = await logOf(3_000, 1_000_000_000_000, { key })
    const node = await LogNode.open(sqliteLog({ path, retention: '1 hour', key }))
    await node.append(...Array.from({ length: 150 }, (_, i) => eventAt(1_000_010_000_000, 3_000 + i)))
    await node.close()
    const short = await LogNode.open(sqliteLog({ path, retention: '1 second', key }))
    await until('the old ones are gone', () => short.log.status().details['pruned'] === 3_000)
    expect(short.log.status().failure).toBeNull()
    expect(short.log.retentionMs).toBe(1_000)
    await short.close()
    expect(await verify(path, { key })).toMatchObject({ intact: true, pruned: 3_000, records: 150 })
    const db = new Database(path, { readonly: true })
    expect(db.pragma('freelist_count', { simple: true })).toBeGreaterThan(100)
    db.close()
  })

  it('asks no more once it is stopped, and believes no clock that is set forward', () => {
    const { clock } = manualWorld()
    const asked: number[] = []
    const retention = new Retention(clock, 60_000, ({ wall }) => asked.push(wall) > 0)
    const begun = clock.wall()
    retention.start()
    clock.jump(1e10)
    clock.advance(60_000)
    expect(asked.length).toBeGreaterThan(0)
    expect(Math.max(...asked)).toBeLessThan(begun + 61_000)
    retention.stop()
    retention.done({ kind: 'pruned', pruned: 1, more: true })
    expect(clock.waiting()).toBe(0)
  })

  it.each<[string, SqliteLogOptions]>([
    ['retention', { retention: '1 millisecond' as never }], ['retention', { retention: 'a while' as never }],
    ['retention', { retention: -1 }], ['retention', { retention: Infinity }], ['key', { key: 'short' }],
    ['key', { key: 5 as never }]
  ])('%s is named where it is wrong: %o', async (option, options) => {
    const error = await LogNode.open(sqliteLog({ path: temporaryPath('log.db'), ...options })).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(InvalidOptions)
    expect((error as InvalidOptions).option).toBe(option)
  })

  it('must be longer than sessions live', async () => {
    const log = sqliteLog({ path: temporaryPath('log.db'), retention: '12 hours' })
    const error = await openSessions({ log, limits: { absolute: '12 hours' } }).catch((error: unknown) => error)
    expect(error).toMatchObject({ _tag: 'InvalidOptions', option: 'retention' })
    const long = sqliteLog({ path: temporaryPath('log.db'), retention: '14 hours' })
    await (await openSessions({ log: long, limits: { absolute: '12 hours' } })).close()
  })
})
