import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { InvalidOptions, LogUnavailable, LogUnusable } from '../../../../core/errors.ts'
import { start } from '../../../../core/log/position.ts'
import { sqliteLog, verifyLog, type SqliteLogOptions } from '../../../../core/log/sqlite.ts'
import { openWriter } from '../../../../core/log/sqlite/format.ts'
import { failure, LogNode } from '../../../support/log-node.ts'
import { eventOf } from '../../../support/sample-events.ts'
import { temporaryFolder, temporaryPath } from '../../../support/temp.ts'

const refusal = (path: string): Promise<unknown> =>
  LogNode.open(sqliteLog({ path })).then((node) => node.close().then(() => 'it opened'), (error: unknown) => error)

const expectUnusable = async (path: string, ...words: readonly string[]): Promise<void> => {
  for (const error of [await refusal(path), await failure(verifyLog(path))]) {
    expect(error).toBeInstanceOf(LogUnusable)
    for (const word of [path, ...words]) expect((error as LogUnusable).message).toContain(word)
  }
}

const newLog = async (): Promise<string> => {
  const path = temporaryPath('log.db')
  const node = await LogNode.open(sqliteLog({ path }))
  await node.append(eventOf('ann', 'c0'))
  await node.close()
  return path
}

const alter = (path: string, sql: string): void => {
  const db = new Database(path)
  db.exec(sql)
  db.close()
}

const mayRun = (as: { readonly uid?: number; readonly gid?: number }): boolean =>
  spawnSync(process.execPath, ['--version'], { ...as, cwd: '/' }).status === 0

describe('the options of sqliteLog', () => {
  it.each<[string, unknown]>([
    ['path', { path: '' }], ['path', { path: 5 }], ['path', { path: null }], ['path', { path: 'a\0b' }],
    ['path', { path: ':memory:' }], ['path', { path: 'file:log.db?mode=ro' }], ['file', { file: 'log.db' }],
    ['sqliteLog', null], ['sqliteLog', 'log.db']
  ])('%s is named where it is wrong: %o', async (option, options) => {
    const error = await LogNode.open(sqliteLog(options as SqliteLogOptions)).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(InvalidOptions)
    expect((error as InvalidOptions).option).toBe(option)
    expect((error as InvalidOptions).message).toContain(option)
  })

  it('a relative path is the file it was when the log was named', async () => {
    const [folder, before] = [temporaryFolder(), process.cwd()]
    try {
      process.chdir(folder)
      const layer = sqliteLog({ path: 'log.db' })
      const byDefault = sqliteLog()
      process.chdir(before)
      for (const each of [layer, byDefault]) await (await LogNode.open(each)).close()
      expect(existsSync(join(folder, 'log.db'))).toBe(true)
      expect(existsSync(join(folder, 'curfew.db'))).toBe(true)
    } finally {
      process.chdir(before)
    }
  })
})

describe('a file that is no log of ours is refused, and left as it is', () => {
  it('a directory', () => expectUnusable(temporaryFolder(), 'directory'))

  it('in a folder that is missing', async () => {
    const path = join(temporaryFolder(), 'missing', 'log.db')
    await expectUnusable(path, dirname(path), 'make it first')
    expect(existsSync(dirname(path))).toBe(false)
  })

  it('not a regular file', () => expectUnusable('/dev/null', 'not a regular file'))

  it.each<[string, string | Buffer]>([
    ['text', 'This is not a database. '.repeat(200)], ['noise', Buffer.alloc(8_192, 0xa5)],
    ['the first bytes of one', 'SQLite format 3\0']
  ])('not SQLite: %s', async (_, content) => {
    const path = temporaryPath('log.db')
    writeFileSync(path, content)
    await expectUnusable(path, 'is not a SQLite database')
    expect(readFileSync(path)).toEqual(Buffer.from(content))
  })

  it('SQLite, of another application', async () => {
    const path = temporaryPath('log.db')
    alter(path, 'CREATE TABLE user (name TEXT); INSERT INTO user VALUES (\'ann\')')
    const before = readFileSync(path)
    await expectUnusable(path, 'of something else')
    expect(readFileSync(path)).toEqual(before)
    expect(existsSync(`${path}-wal`)).toBe(false)
  })

  it('SQLite, of another application and with another application_id', async () => {
    const path = temporaryPath('log.db')
    alter(path, 'PRAGMA application_id = 7')
    await expectUnusable(path, 'of something else')
  })

  it('a log in a newer format', async () => {
    const path = await newLog()
    alter(path, 'PRAGMA user_version = 2')
    await expectUnusable(path, 'newer format', 'Install')
    alter(path, 'PRAGMA user_version = 1')
    const node = await LogNode.open(sqliteLog({ path }))
    expect(await node.read(start)).toHaveLength(1)
    await node.close()
  })

  it('an empty file becomes a log', async () => {
    const path = temporaryPath('log.db')
    writeFileSync(path, '')
    const node = await LogNode.open(sqliteLog({ path }))
    await node.append(eventOf('ann', 'c0'))
    await node.close()
  })

  it('verifying does not make one', async () => {
    const path = temporaryPath('log.db')
    const error = await failure(verifyLog(path))
    expect(error).toBeInstanceOf(LogUnusable)
    expect((error as LogUnusable).message).toContain('no file')
    expect(existsSync(path)).toBe(false)
  })
})

describe('a log that may not be written', () => {
  it('says so when it is opened: a header that forbids it', async () => {
    const path = await newLog()
    // The file format version for writers: one that this SQLite does not write.
    const file = openSync(path, 'r+')
    writeSync(file, Buffer.from([3]), 0, 1, 18)
    closeSync(file)
    const error = await refusal(path)
    expect(error).toBeInstanceOf(LogUnusable)
    expect((error as LogUnusable).message).toContain('can be read and not written')
  })

  it('says so when it is opened: the permissions of file and folder', async () => {
    const path = await newLog()
    chmodSync(path, 0o444)
    chmodSync(dirname(path), 0o555)
    // The superuser may write what nobody may: then somebody else has to try.
    const somebody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    const fixture = join(import.meta.dirname, '../../../support/children/open-log.ts')
    // A checkout in a folder that is closed to others cannot be run by them; the file's own mode is tested above.
    if (!mayRun(somebody)) return
    const said = execFileSync(process.execPath, [fixture, path], { ...somebody, cwd: '/', encoding: 'utf8' })
    chmodSync(dirname(path), 0o755)
    expect(said).toContain('LogUnusable')
    expect(said).toContain(path)
    expect(said).toMatch(/can be read and not written|cannot be opened/)
  })
})

describe('a log that is in use', () => {
  it('by many that open it first at the same time: one makes it, and all are on it', async () => {
    const path = temporaryPath('log.db')
    const nodes = await Promise.all(Array.from({ length: 6 }, () => LogNode.open(sqliteLog({ path }))))
    await Promise.all(nodes.map((node, i) => node.append(eventOf('ann', `c${i}`))))
    for (const node of nodes) expect(await node.read(start)).toHaveLength(6)
    for (const node of nodes) await node.close()
  })

  it('by someone who locks all others out: not now, after the stated time', async () => {
    const path = temporaryPath('log.db')
    const other = new Database(path)
    other.exec('BEGIN EXCLUSIVE')
    const error = await refusal(path)
    expect(error).toBeInstanceOf(LogUnavailable)
    expect((error as LogUnavailable).message).toContain('locked by another process')
    other.exec('ROLLBACK')
    other.close()
    await (await LogNode.open(sqliteLog({ path }))).close()
  })
})

describe('how the file is kept', () => {
  it('every commit reaches the disk, in a write-ahead log', () => {
    const path = temporaryPath('log.db')
    const opened = openWriter(path)
    if (!opened.ok) throw new Error(opened.failure.message)
    const pragma = (name: string) => opened.db.pragma(name, { simple: true })
    expect(pragma('journal_mode')).toBe('wal')
    expect(pragma('synchronous')).toBe(2)
    expect(pragma('application_id')).toBe(0x43524657)
    expect(pragma('user_version')).toBe(1)
    expect(pragma('journal_size_limit')).toBe(8_388_608)
    opened.db.close()
  })

  it('a node that closes last leaves one file', async () => {
    const path = await newLog()
    expect([existsSync(path), existsSync(`${path}-wal`), existsSync(`${path}-shm`)]).toEqual([true, false, false])
  })

  it('an odd name is a name like any other', async () => {
    const folder = join(temporaryFolder(), "it's 100% ?mode=ro&#é")
    mkdirSync(folder)
    const path = join(folder, 'a b?.db')
    const node = await LogNode.open(sqliteLog({ path }))
    await node.append(eventOf('ann', 'c0'))
    await node.close()
    expect(existsSync(path)).toBe(true)
  })
})
