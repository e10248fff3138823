/** Why the database did not do what was asked, in the words that an operator can act on. */
export type Reason =
  /** Someone else holds the lock that it needs. */
  | 'busy'
  /** There is no room for more. */
  | 'full'
  /** It may be read and not written. */
  | 'read-only'
  /** The file cannot be opened: missing folder, a directory, no permission. */
  | 'cannot-open'
  /** The device failed to read or write. */
  | 'io'
  /** The file is not a SQLite database. */
  | 'not-a-database'
  /** A SQLite database, but of something else. */
  | 'foreign'
  /** A log in a format that this version does not know. */
  | 'newer'
  /** Bytes of the file contradict each other. */
  | 'damaged'
  /** The file that was opened is no longer the one at its path. */
  | 'moved'
  /** The driver does not run here, and dies of it. */
  | 'runtime'
  /** One record is more than SQLite takes. */
  | 'too-big'
  | 'other'

/** A failure as plain data: it crosses from the writer's thread. */
export interface Failure {
  readonly reason: Reason
  /** The driver's code, for whoever looks it up; 'CURFEW' where the finding is our own. */
  readonly code: string
  /** What happened, and what to do. */
  readonly message: string
}

/** By the driver's code, or by its longest leading part that stands here. */
const reasons: { readonly [code: string]: Reason } = {
  SQLITE_BUSY: 'busy',
  SQLITE_LOCKED: 'busy',
  SQLITE_PROTOCOL: 'busy',
  SQLITE_FULL: 'full',
  SQLITE_READONLY: 'read-only',
  SQLITE_READONLY_DBMOVED: 'moved',
  SQLITE_CANTOPEN: 'cannot-open',
  SQLITE_PERM: 'cannot-open',
  SQLITE_AUTH: 'cannot-open',
  SQLITE_IOERR: 'io',
  SQLITE_IOERR_CORRUPTFS: 'damaged',
  SQLITE_IOERR_DATA: 'damaged',
  SQLITE_NOLFS: 'io',
  SQLITE_NOMEM: 'io',
  SQLITE_CORRUPT: 'damaged',
  SQLITE_SCHEMA: 'damaged',
  SQLITE_NOTADB: 'not-a-database',
  SQLITE_TOOBIG: 'too-big'
}

const codeOf = (error: unknown): string => {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

/** What a failure of the driver means. Never throws. */
export const classify = (error: unknown): Reason => {
  let code = codeOf(error)
  while (code !== '') {
    const reason = Object.hasOwn(reasons, code) ? reasons[code] : undefined
    if (reason !== undefined) return reason
    code = code.slice(0, Math.max(0, code.lastIndexOf('_')))
  }
  // The driver looks for the folder itself and says so without a code.
  return error instanceof TypeError && error.message.includes('directory does not exist') ? 'cannot-open' : 'other'
}

/** How long one try waits for another process's lock, ms. Its holder needs it for one commit, a fraction of a ms. */
export const busyMs = 2_000

const advice: { readonly [reason in Reason]: string } = {
  'busy': `is locked by another process for more than ${busyMs} ms. Find who holds it: a shell, a backup, a node`,
  'full': 'has no room: its disk or quota is full. Make room; appends go on then without a restart',
  'read-only': 'can be read and not written. Give this user write permission on the file and on its folder',
  'cannot-open': 'cannot be opened',
  'io': 'could not be read or written by the operating system. Look at the disk and at the system log',
  'not-a-database': 'is not a SQLite database. Give the path of a log, or of a file that does not exist yet',
  'foreign': 'is a SQLite database of something else. Give the path of a log, or of a file that does not exist yet',
  'newer': 'is a log in a newer format. Install the version of curfew that wrote it, or a later one',
  'damaged': 'contradicts itself. Stop the nodes, verify the log, and restore it from a copy',
  'moved': 'was moved, removed or replaced while in use. Put it back, or stop all nodes and start them on the new file',
  'runtime': 'cannot be opened by this Node.js: curfew needs 22.18 or newer',
  'too-big': 'does not take a record of this size',
  'other': 'did not do what was asked'
}

/** A failure from its reason. `detail` is what the driver or the operating system said, or what we found. */
export const failure = (path: string, reason: Reason, code: string, detail: string): Failure => ({
  reason, code, message: `The log ${path} ${advice[reason]}. (${code === '' ? '' : `${code}: `}${detail})`
})

/** A failure from what was thrown. */
export const failureOf = (path: string, error: unknown): Failure =>
  failure(path, classify(error), codeOf(error), error instanceof Error ? error.message : String(error))
