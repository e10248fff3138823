import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync, readSync, truncateSync, writeSync } from 'node:fs'
import Database from 'better-sqlite3'
import * as Effect from 'effect/Effect'
import * as Stream from 'effect/Stream'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LogDamaged, LogUnusable } from '../../../../core/errors.ts'
import { past, position, start } from '../../../../core/log/position.ts'
import { sqliteLog, verifyLog, type Verification } from '../../../../core/log/sqlite.ts'
import { genesis, link, toHex, type Link } from '../../../../core/log/sqlite/chain.ts'
import { failure, LogNode } from '../../../support/log-node.ts'
import { eventOf, eventsOf } from '../../../support/sample-events.ts'
import { temporaryPath } from '../../../support/temp.ts'
import { until } from '../../../support/until.ts'

const newLog = async (count: number): Promise<string> => {
  const path = temporaryPath('log.db')
  const node = await LogNode.open(sqliteLog({ path }))
  await node.append(...eventsOf('ann', 'c', count))
  await node.close()
  return path
}

const alter = (path: string, sql: string, ...values: ReadonlyArray<string | number | Uint8Array>): void => {
  const db = new Database(path)
  expect(db.prepare(sql).run(...values).changes).toBeGreaterThan(0)
  db.close()
}

const verify = (path: string): Promise<Verification> => Effect.runPromise(verifyLog(path))

/** What a new node reads from the log, and how the reading ends. */
const readAll = async (path: string) => {
  const node = await LogNode.open(sqliteLog({ path }))
  const records: unknown[] = []
  const error = await failure(node.log.read(start).pipe(
    Stream.runForEach((batch) => Effect.sync(() => { records.push(...batch) }))))
  const following = node.follow(start)
  if (error !== undefined) await until('the tail fails too', () => following.error() !== undefined)
  else await until('the tail has it all', () => following.records.length === records.length)
  expect(following.records).toEqual(records)
  expect(following.error()).toEqual(error)
  await following.stop()
  await node.close()
  return { count: records.length, error }
}

const expectBreak = async (path: string, good: number, how: string): Promise<void> => {
  const verification = await verify(path)
  expect(verification.problem).toContain(how)
  expect(verification).toMatchObject({ intact: false, records: good, position: position([good]) })
  expect(verification.problem).toContain(`Record ${good + 1} of the log ${path}`)
  const { count, error } = await readAll(path)
  expect(count).toBe(good)
  expect(error).toBeInstanceOf(LogDamaged)
  expect((error as LogDamaged).position).toEqual(position([good]))
  expect((error as LogDamaged).message).toContain(`Record ${good + 1} of the log ${path}`)
}

describe('the chain', () => {
  it('is SHA-256 over the hash before, the number and the text', async () => {
    const path = await newLog(3)
    const db = new Database(path)
    const rows = db.prepare<[], { readonly seq: number; readonly body: string; readonly hash: Buffer }>(
      'SELECT seq, body, hash FROM event ORDER BY seq').all()
    db.close()
    let before = Buffer.alloc(32)
    for (const { seq, body, hash } of rows) {
      const number = Buffer.alloc(8)
      number.writeBigUInt64BE(BigInt(seq))
      before = createHash('sha256').update(before).update(number).update(body, 'utf8').digest()
      expect(hash).toEqual(before)
    }
    expect(rows).toHaveLength(3)
    expect((await verify(path)).hash).toBe(before.toString('hex'))
  })

  it('is that for any text and number', () => {
    fc.assert(fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.maxSafeNat(),
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('x'.repeat(21_831), 'é'.repeat(21_832), '日'.repeat(90_000))),
      (before, seq, body) => {
        const number = Buffer.alloc(8)
        number.writeBigUInt64BE(BigInt(seq))
        const wanted = createHash('sha256').update(before).update(number).update(body, 'utf8').digest('hex')
        expect(toHex(link(Buffer.from(before).toString('latin1') as Link, seq, body))).toBe(wanted)
      }))
  })
})

describe('a whole log', () => {
  it.each([0, 1, 511, 512, 513, 1_300])('of %d records verifies', async (count) => {
    const path = await newLog(count)
    const { hash, ...verification } = await verify(path)
    const whole = { intact: true, records: count, pruned: 0, position: position([count]), unreadable: 0, problem: null }
    expect(verification).toEqual(whole)
    expect(count === 0 ? hash : hash.length).toBe(count === 0 ? toHex(genesis) : 64)
    expect(await readAll(path)).toEqual({ count, error: undefined })
  })

  it('verifies while it is in use', async () => {
    const path = await newLog(100)
    const node = await LogNode.open(sqliteLog({ path }))
    const appends = eventsOf('bob', 'd', 50).map((event) => node.append(event))
    const [verification] = await Promise.all([verify(path), ...appends])
    expect(verification.intact).toBe(true)
    expect(verification.records).toBeGreaterThanOrEqual(100)
    expect((await verify(path)).records).toBe(150)
    await node.close()
  })

  it('what a newer version has written is whole, counted, and read as unreadable', async () => {
    const path = await newLog(2)
    const body = JSON.stringify({ v: 2, type: 'SomethingNew', at: 1, by: 'app-9', command: 'x' })
    const before = Buffer.from((await verify(path)).hash, 'hex').toString('latin1') as Link
    alter(path, 'INSERT INTO event VALUES (3, ?, ?)', body, Buffer.from(link(before, 3, body), 'latin1'))
    expect(await verify(path)).toMatchObject({ intact: true, records: 3, unreadable: 1 })
    const node = await LogNode.open(sqliteLog({ path }))
    expect((await node.read(start))[2]!.event).toMatchObject({ type: 'Unreadable', concerns: 'everything' })
    await node.close()
  })
})

describe('a damaged log is found out where it breaks, and what stands before it is delivered', () => {
  const sample = 1_300
  const [changed, missing] = ['is not as it was written', 'is missing']
  const copyOfLast = (seq: string) => `INSERT INTO event SELECT ${seq}, body, hash FROM event WHERE seq = ${sample}`
  it.each<[what: string, good: number, how: string, sql: string]>([
    ['a text was changed', 700, changed, `UPDATE event SET body = replace(body, 'logout', 'idle') WHERE seq = 701`],
    ['a text is no JSON', 0, changed, `UPDATE event SET body = '{' WHERE seq = 1`],
    ['the last text was changed', 1_299, changed, `UPDATE event SET body = body || ' ' WHERE seq = 1300`],
    ['a record was taken out', 512, 'is missing', 'DELETE FROM event WHERE seq = 513'],
    ['the first was taken out', 0, 'is missing', 'DELETE FROM event WHERE seq = 1'],
    ['one was moved to the end', 600, 'is missing', 'UPDATE event SET seq = 1301 WHERE seq = 601'],
    ['one was added without the hash that it needs', 1_300, changed, copyOfLast('1301')],
    ['a number far ahead', 1_300, missing, copyOfLast('9007199254740993')],
    ['all from one on were put one further', 900, missing,
      'UPDATE event SET seq = -seq WHERE seq > 900; UPDATE event SET seq = 1 - seq WHERE seq < 0']
  ])('%s', async (_, good, how, sql) => {
    const path = await newLog(sample)
    const db = new Database(path)
    db.exec(sql)
    db.close()
    await expectBreak(path, good, how)
  })

  it('two records were exchanged', async () => {
    const path = await newLog(40)
    const db = new Database(path)
    for (const [from, to] of [[7, -1], [30, 7], [-1, 30]]) db.exec(`UPDATE event SET seq = ${to} WHERE seq = ${from}`)
    db.close()
    await expectBreak(path, 6, 'is not as it was written')
  })

  it('a hash was changed: verifying says which, readers trust the texts that a later hash covers', async () => {
    const path = await newLog(40)
    alter(path, 'UPDATE event SET hash = zeroblob(32) WHERE seq = 21')
    expect(await verify(path)).toMatchObject({ intact: false, records: 20 })
    expect(await readAll(path)).toEqual({ count: 40, error: undefined })
    alter(path, 'UPDATE event SET hash = zeroblob(31) WHERE seq = 40')
    const { count, error } = await readAll(path)
    expect(error).toBeInstanceOf(LogDamaged)
    expect(count).toBe(20)
  })

  it('far behind the first: all before it are delivered', async () => {
    const path = await newLog(900)
    alter(path, 'UPDATE event SET body = replace(body, ?, ?) WHERE seq = 701', 'ann', 'bob')
    await expectBreak(path, 700, 'its hash does not fit')
  })

  it('any one change to any text is found, at its record', async () => {
    const path = await newLog(60)
    const db = new Database(path)
    const body = db.prepare<[number], string>('SELECT body FROM event WHERE seq = ?').pluck()
    const set = db.prepare<[string, number]>('UPDATE event SET body = ? WHERE seq = ?')
    const change = [fc.integer({ min: 1, max: 60 }), fc.nat(), fc.integer({ min: 1, max: 126 })] as const
    await fc.assert(fc.asyncProperty(...change, async (seq, at, by) => {
      const text = body.get(seq)!
      const i = at % text.length
      set.run(text.slice(0, i) + String.fromCharCode((text.charCodeAt(i) + by) % 127) + text.slice(i + 1), seq)
      const found = await verify(path)
      set.run(text, seq)
      expect(found).toMatchObject({ intact: false, records: seq - 1 })
    }), { numRuns: 60 })
    db.close()
    expect((await verify(path)).intact).toBe(true)
  })

  it('a bit of the file was flipped where a text stands', async () => {
    const path = await newLog(300)
    const at = readFileSync(path).indexOf(Buffer.from('"c200"'))
    const file = openSync(path, 'r+')
    writeSync(file, Buffer.from('X'), 0, 1, at + 1)
    closeSync(file)
    await expectBreak(path, 200, 'is not as it was written')
  })

  it('a page of the file is lost: SQLite itself cannot go on', async () => {
    const path = await newLog(300)
    const file = openSync(path, 'r+')
    const { size } = fstatSync(file)
    const page = Buffer.alloc(4_096)
    // A leaf of the table, somewhere in the middle.
    const at = Math.floor(size / 2 / 4_096) * 4_096
    readSync(file, page, 0, 4_096, at)
    expect(page[0]).toBe(0x0d)
    writeSync(file, Buffer.alloc(4_096, 0xff), 0, 4_096, at)
    closeSync(file)
    const { records } = await verify(path)
    expect(records).toBeGreaterThan(50)
    await expectBreak(path, records, 'cannot be read')
  })

  it('the file was cut: it does not open', async () => {
    const path = await newLog(300)
    truncateSync(path, 8 * 4_096)
    const opened = LogNode.open(sqliteLog({ path })).catch((error: unknown) => error)
    for (const error of [await failure(verifyLog(path)), await opened]) {
      expect(error).toBeInstanceOf(LogUnusable)
      expect((error as LogUnusable).message).toContain('contradicts itself')
    }
  })
})

describe('while a node is running', () => {
  it('a record that was added without its hash does not reach it, and stops its tail', async () => {
    const path = await newLog(3)
    const node = await LogNode.open(sqliteLog({ path }))
    const following = node.follow(start)
    await until('three', () => following.records.length === 3)
    alter(path, 'INSERT INTO event SELECT 4, body, zeroblob(32) FROM event WHERE seq = 3')
    await until('it is found', () => following.error() !== undefined)
    expect(following.error()).toBeInstanceOf(LogDamaged)
    expect(following.records).toHaveLength(3)
    await node.close()
  })

  it('what it has appended itself is found out too, once it was changed', async () => {
    const path = await newLog(0)
    const [a, b] = [await LogNode.open(sqliteLog({ path })), await LogNode.open(sqliteLog({ path }))]
    const own = a.follow(start)
    for (let i = 0; i < 3; i++) await a.append(eventOf('ann', `c${i}`))
    await until('three', () => own.records.length === 3)
    alter(path, 'UPDATE event SET body = replace(body, \'logout\', \'idle\'), hash = zeroblob(32) WHERE seq = 3')
    await b.append(eventOf('ann', 'c3'))
    await until('it is found', () => own.error() !== undefined)
    expect(own.error()).toBeInstanceOf(LogDamaged)
    await a.close()
    await b.close()
  })

  it('a place from a longer log, as an older copy leaves it, is not taken', async () => {
    const path = await newLog(3)
    const node = await LogNode.open(sqliteLog({ path }))
    const error = await failure(Stream.runDrain(node.log.tail(past(start, 0, 9))))
    expect(error).toBeInstanceOf(LogDamaged)
    expect((error as LogDamaged).message).toContain('older copy')
    await node.close()
  })
})
