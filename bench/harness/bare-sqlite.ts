import { readFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { openWriter } from '../../core/log/sqlite/format.ts'
import type { BareLog, ReadAll } from './logs.ts'
import { elapsedNs, nanoseconds } from './machine.ts'

/** A row as the log keeps it. */
export interface Row {
  readonly seq: number
  readonly body: string
  readonly hash: Buffer
}

interface Event {
  readonly at: number
  readonly type: string
}

/** Iterates over all rows with better-sqlite3 and parses the text of each, and nothing else. */
export const readRows = (path: string): ReadAll => {
  const began = nanoseconds()
  const db = new Database(path, { readonly: true })
  let records = 0
  let checksum = 0
  for (const { body } of db.prepare<[], Row>('SELECT seq, body, hash FROM event ORDER BY seq').iterate()) {
    const { at, type } = JSON.parse(body) as Event
    records++
    checksum = (checksum + at + type.length) | 0
  }
  db.close()
  return { records, checksum, ns: elapsedNs(began) }
}

/** The same, but fetches no more of a row than its text: the least that can be read. */
export const readBodies = (path: string): ReadAll => {
  const began = nanoseconds()
  const db = new Database(path, { readonly: true })
  let records = 0
  let checksum = 0
  for (const body of db.prepare<[], string>('SELECT body FROM event ORDER BY seq').pluck().iterate()) {
    const { at, type } = JSON.parse(body) as Event
    records++
    checksum = (checksum + at + type.length) | 0
  }
  db.close()
  return { records, checksum, ns: elapsedNs(began) }
}

/** The rows behind a place, in memory. */
export const rowsBehind = (path: string, seq: number): readonly Row[] => {
  const db = new Database(path, { readonly: true })
  try {
    return db.prepare<[number], Row>('SELECT seq, body, hash FROM event WHERE seq > ? ORDER BY seq').all(seq)
  } finally {
    db.close()
  }
}

export const lastSeq = (path: string): number => {
  const db = new Database(path, { readonly: true })
  try {
    return db.prepare<[], number>('SELECT coalesce(max(seq), 0) FROM event').pluck().get()!
  } finally {
    db.close()
  }
}

/** A database with the table and pragmas of the log's writer, and one prepared insert: nothing is hashed or checked. */
export interface BareWriter {
  /** Inserts the rows in one durable transaction. */
  readonly commit: (rows: readonly Row[]) => void
  readonly count: () => number
  readonly close: () => void
}

export const bareWriter = (path: string): BareWriter => {
  const opened = openWriter(path)
  if (!opened.ok) throw new Error(opened.failure.message)
  const { db } = opened
  const insert = db.prepare<[number, string, Buffer]>('INSERT INTO event (seq, body, hash) VALUES (?, ?, ?)')
  let next = 1
  const commit = db.transaction((rows: readonly Row[]) => {
    for (const { body, hash } of rows) insert.run(next++, body, hash)
  })
  return {
    commit: (rows) => { commit.immediate(rows) },
    count: () => db.prepare<[], number>('SELECT count(*) FROM event').pluck().get()!,
    close: () => { db.close() }
  }
}

const hashBytes = 32

/** The log of `path`, and a file of its own for what is appended. */
export const bareSqlite = (path: string, barePath: string): BareLog => {
  const writer = bareWriter(barePath)
  const appending = (rows: readonly Row[]) => (): void => { writer.commit(rows) }
  return {
    prepare: (texts) => appending(texts.map((body) => ({ seq: 0, body, hash: Buffer.alloc(hashBytes) }))),
    prepareLast: () => appending(rowsBehind(path, lastSeq(path) - 1)),
    readAll: () => readRows(path),
    close: () => { writer.close() }
  }
}

/** Empties the write-ahead log, so that it is counted from here. False: a reader stood in the way. */
export const restartWal = (path: string): boolean => {
  const db = new Database(path)
  try {
    const [result] = db.pragma('wal_checkpoint(TRUNCATE)') as ReadonlyArray<{ readonly busy: number }>
    return result?.busy === 0
  } finally {
    db.close()
  }
}

const walHeader = 32
const frameHeader = 24

/**
 * How many transactions stand in the write-ahead log since it was last emptied: the last frame of each says how large
 * the database is after it (SQLite's file format, section 4.1). Undefined: it has begun anew since, so they cannot be
 * counted.
 */
export const commitsInWal = (path: string): number | undefined => {
  const wal = readFileSync(`${path}-wal`)
  if (wal.length < walHeader) return undefined
  const pageSize = wal.readUInt32BE(8)
  const salt = wal.readBigUInt64BE(16)
  let commits = 0
  for (let at = walHeader; at + frameHeader + pageSize <= wal.length; at += frameHeader + pageSize) {
    // A frame with another salt is left over from before the log began anew.
    if (wal.readBigUInt64BE(at + 8) !== salt) return at === walHeader ? undefined : commits
    if (wal.readUInt32BE(at + 4) !== 0) commits++
  }
  return commits
}
