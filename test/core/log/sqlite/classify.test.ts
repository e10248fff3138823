import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { classify, failureOf, type Reason } from '../../../../core/log/sqlite/classify.ts'

const driverError = (code: string) => new Database.SqliteError('what SQLite says', code)

describe('what a failure of the driver means', () => {
  it.each<[string, Reason]>([
    ['SQLITE_BUSY', 'busy'], ['SQLITE_BUSY_RECOVERY', 'busy'], ['SQLITE_BUSY_SNAPSHOT', 'busy'],
    ['SQLITE_BUSY_TIMEOUT', 'busy'],
    ['SQLITE_LOCKED', 'busy'], ['SQLITE_LOCKED_SHAREDCACHE', 'busy'], ['SQLITE_PROTOCOL', 'busy'],
    ['SQLITE_FULL', 'full'],
    ['SQLITE_READONLY', 'read-only'], ['SQLITE_READONLY_DIRECTORY', 'read-only'],
    ['SQLITE_READONLY_CANTLOCK', 'read-only'],
    ['SQLITE_READONLY_DBMOVED', 'moved'],
    ['SQLITE_CANTOPEN', 'cannot-open'], ['SQLITE_CANTOPEN_ISDIR', 'cannot-open'], ['SQLITE_PERM', 'cannot-open'],
    ['SQLITE_AUTH', 'cannot-open'],
    ['SQLITE_IOERR', 'io'], ['SQLITE_IOERR_WRITE', 'io'], ['SQLITE_IOERR_FSYNC', 'io'], ['SQLITE_IOERR_SHMMAP', 'io'],
    ['SQLITE_NOMEM', 'io'],
    ['SQLITE_IOERR_CORRUPTFS', 'damaged'], ['SQLITE_IOERR_DATA', 'damaged'],
    ['SQLITE_CORRUPT', 'damaged'], ['SQLITE_CORRUPT_VTAB', 'damaged'], ['SQLITE_CORRUPT_INDEX', 'damaged'],
    ['SQLITE_SCHEMA', 'damaged'],
    ['SQLITE_NOTADB', 'not-a-database'],
    ['SQLITE_TOOBIG', 'too-big'],
    ['SQLITE_ERROR', 'other'], ['SQLITE_MISUSE', 'other'], ['SQLITE_CONSTRAINT_PRIMARYKEY', 'other'],
    ['SQLITE_SOMETHING_NEW', 'other']
  ])('%s: %s', (code, reason) => expect(classify(driverError(code))).toBe(reason))

  it.each<[string, unknown]>([
    ['undefined', undefined], ['null', null], ['a string', 'SQLITE_FULL'], ['a code that is no string', { code: 7 }],
    ['a code that every object has', { code: 'constructor' }], ['an empty code', { code: '' }],
    ['any error', new Error('x')]
  ])('%s: other', (_, thrown) => expect(classify(thrown)).toBe('other'))

  it('the driver has no code for a folder that is missing', () => {
    let thrown: unknown
    try { new Database('/no/such/folder/log.db') } catch (error) { thrown = error }
    expect(classify(thrown)).toBe('cannot-open')
  })

  it('a message names the file, the driver\'s code and what to do', () => {
    expect(failureOf('/data/log.db', driverError('SQLITE_FULL'))).toEqual({
      reason: 'full', code: 'SQLITE_FULL',
      message: 'The log /data/log.db has no room: its disk or quota is full. '
        + 'Make room; appends go on then without a restart. (SQLITE_FULL: what SQLite says)'
    })
  })
})
