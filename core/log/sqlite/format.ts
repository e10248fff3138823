import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { isTooOld } from '../../runtime.ts'
import { anchorTable } from './anchor.ts'
import { busyMs, classify, failure, failureOf, type Failure } from './classify.ts'

/** Says in the file's header that it is a log of ours: 'CRFW'. */
export const applicationId = 0x43_52_46_57
/** Of the table and of the chain. Any change that an older version would read wrongly raises it. */
export const formatVersion = 1

/**
 * - WAL: readers never wait for a writer, nor a writer for them.
 * - FULL: a commit is on the disk, power cut or not, before anyone hears of it.
 * - A checkpoint every 1,000 pages (4 MB, SQLite's default) by whoever commits, which is the writer's thread: often
 *   enough that opening after a crash is quick, seldom enough that its extra writes hardly show.
 * - The WAL is used over and over. One that a backlog has blown up is cut back to 8 MB: above what it usually takes, as
 *   writing over existing bytes is cheaper than growing the file.
 * - 2 MB of pages in memory: appends touch the last page, tails the last few, and a replay each page once.
 */
const writerPragmas = [
  'synchronous = FULL', 'wal_autocheckpoint = 1000', 'journal_size_limit = 8388608', 'cache_size = -2048',
  'temp_store = MEMORY'
]

const schema = `CREATE TABLE event (
  seq INTEGER PRIMARY KEY,
  body TEXT NOT NULL,
  hash BLOB NOT NULL
) STRICT`

export type Opened =
  | { readonly ok: true; readonly db: Database.Database; readonly file: FileIdentity }
  | { readonly ok: false; readonly failure: Failure }

/**
 * Opens the log for writing, and makes it first where there is none. Changes no file that is not a log. `again`: the
 * file that was open before, and must still be the one at the path.
 */
export const openWriter = (path: string, again?: FileIdentity): Opened => open(path, false, again, (path) => {
  const db = new Database(path, { timeout: busyMs })
  const found = identify(db)
  if (found !== 'ours' && found !== 'empty') return { db, found }
  useWal(db)
  for (const pragma of writerPragmas) db.pragma(pragma)
  if (found === 'ours') {
    // A file that may not be written tells only when it is: here, rather than at the first append.
    db.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${formatVersion}; ROLLBACK`)
    return { db, found }
  }
  // Of several processes that find no log, the first one makes it.
  return { db, found: db.transaction(() => {
    const again = identify(db)
    if (again !== 'empty') return again
    db.exec(schema)
    db.exec(anchorTable)
    db.pragma(`application_id = ${applicationId}`)
    db.pragma(`user_version = ${formatVersion}`)
    return 'ours' as const
  }).immediate() }
})

/**
 * Opens a log for reading only. It never waits for a lock: the thread that reads has better things to do, and asks
 * again. It never runs a checkpoint either.
 */
export const openReader = (path: string, again?: FileIdentity): Opened => open(path, true, again, (path) => {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: 0 })
  db.pragma('cache_size = -2048')
  return { db, found: identify(db) }
})

type Found = 'ours' | 'empty' | 'foreign' | 'newer'

const open = (
  path: string, mustExist: boolean, again: FileIdentity | undefined,
  connect: (path: string) => { readonly db: Database.Database; readonly found: Found }
): Opened => {
  const inTheWay = unfit(path, process.versions.node)
    ?? (again === undefined ? obstacle(path, mustExist) : moved(path, again))
  if (inTheWay !== undefined) return { ok: false, failure: inTheWay }
  try {
    const { db, found } = connect(path)
    const file = fileAt(path)
    if (found === 'ours' && file !== undefined) return { ok: true, db, file }
    db.close()
    return { ok: false, failure: refusal(path, found) }
  } catch (error) {
    return { ok: false, failure: failureOf(path, error) }
  }
}

const refusal = (path: string, found: Found): Failure => {
  switch (found) {
    case 'ours': return failure(path, 'moved', 'CURFEW', 'there is no file at this path any more')
    case 'empty': return failure(path, 'foreign', 'CURFEW', 'there is nothing in it')
    case 'foreign': return failure(path, 'foreign', 'CURFEW', 'its application_id is not that of a log')
    case 'newer': return failure(path, 'newer', 'CURFEW', `its format is not version ${formatVersion}`)
  }
}

/** In one transaction: another process may be making the log right now, and half a look would see a foreign file. */
const identify = (db: Database.Database): Found => db.transaction(() => {
  const application = db.pragma('application_id', { simple: true })
  const version = db.pragma('user_version', { simple: true })
  if (application === applicationId) return version === formatVersion ? 'ours' : 'newer'
  const objects = db.prepare<[], number>('SELECT count(*) FROM sqlite_schema').pluck().get()
  return application === 0 && objects === 0 ? 'empty' : 'foreign'
})()

/** Where the driver does not run. */
export const unfit = (path: string, version: string): Failure | undefined =>
  isTooOld(version) ? failure(path, 'runtime', 'CURFEW', `it is ${version}`) : undefined

/** What is not a file that SQLite could open. Its own words for all of these are "unable to open database file". */
const obstacle = (path: string, mustExist: boolean): Failure | undefined => {
  const refuse = (detail: string) => failure(path, 'cannot-open', 'CURFEW', detail)
  const file = statSync(path, { throwIfNoEntry: false })
  if (file?.isDirectory() === true) return refuse('it is a directory; give the path of a file')
  if (file !== undefined) return file.isFile() ? undefined : refuse('it is not a regular file')
  if (statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory() !== true) {
    return refuse(`there is no folder ${dirname(path)}; make it first`)
  }
  return mustExist ? refuse('there is no file of this name') : undefined
}

/** Two processes that turn a new file to WAL at once get in each other's way, and SQLite does not wait there. */
const useWal = (db: Database.Database): void => {
  for (let tries = busyMs / 10; ; tries--) {
    try {
      const mode = db.pragma('journal_mode = WAL', { simple: true })
      if (mode === 'wal') return
      throw new Error(`its file system carries no write-ahead log (journal_mode is ${String(mode)}); use a local disk`)
    } catch (error) {
      if (classify(error) !== 'busy' || tries <= 0) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    }
  }
}

/** Which file it is, whatever its name. */
export interface FileIdentity {
  readonly dev: bigint
  readonly ino: bigint
}

/** Never by opening it: closing a file that SQLite has open in this process would give up SQLite's locks on it. */
export const fileAt = (path: string): FileIdentity | undefined => {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? undefined : { dev: stats.dev, ino: stats.ino }
}

/** An append to a file that no longer stands at its path would be lost at the next start. */
export const moved = (path: string, file: FileIdentity): Failure | undefined => {
  const now = fileAt(path)
  if (now !== undefined && now.ino === file.ino && now.dev === file.dev) return undefined
  return failure(path, 'moved', 'CURFEW', `there is ${now === undefined ? 'no' : 'another'} file at this path`)
}
