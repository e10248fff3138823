import Database from 'better-sqlite3'
import { closeSync, openSync } from 'node:fs'
import type { ArchiveUnusable } from '../../../core/errors.ts'
import { isTooOld } from '../../../core/runtime.ts'
import { unusable } from './problems.ts'

/**
 * Keeps others from an archive until it is let go of, or the process dies: a lock of the operating system, which needs no
 * cleaning up, taken by way of SQLite, as Node has none. The file stays: who removed it could let two in.
 */
export const takeLock = (path: string): (() => void) | ArchiveUnusable => {
  const file = `${path}.lock`
  if (isTooOld(process.versions.node)) return unusable(path, `curfew needs Node.js 22.18 or newer, and this is ${process.version}`)
  make(file)
  const db = new Database(file, { timeout: 0 })
  try {
    db.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    db.close()
    const busy = error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')
    return busy
      ? unusable(path, 'another process archives there now. Stop that one first, or take another file', error)
      : unusable(path, `its lock ${file} is not one. Make sure that nobody archives there, and remove it`, error)
  }
  return () => { db.close() }
}

/** Not opened where it is there: closing it would give up the lock that this process may have on it. */
const make = (file: string): void => {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}
