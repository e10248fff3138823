import type Database from 'better-sqlite3'
import { genesis, link, fromBytes, toBytes } from './chain.ts'
import { failure, failureOf, type Failure, type Reason } from './classify.ts'
import { openWriter, type FileIdentity } from './format.ts'
import type { Committed, Failed, Opening } from './messages.ts'
import { Records, type Place, type Texts } from './records.ts'

type Append = readonly string[]

/** Failures that may be one append's own: the others of its transaction are tried without it. */
const ofOneAppend: ReadonlySet<Reason> = new Set(['full', 'too-big', 'other'])
/** Failures after which the connection may be of no more use: the next commit opens a new one. */
const ofConnection: ReadonlySet<Reason> =
  new Set(['read-only', 'cannot-open', 'io', 'damaged', 'not-a-database', 'other'])

interface Connection {
  readonly db: Database.Database
  readonly records: Records
  /** Commits all, or nothing, and says the number of the first record. */
  readonly write: (appends: readonly Append[]) => number
}

/** Appends to the log, many in one transaction, and reads it. Blocks its thread; belongs into one of its own. */
export class Commits {
  readonly #path: string
  #file: FileIdentity | undefined
  #connection: Connection | undefined

  /** `file`: the one that it must be, if it was open before. */
  constructor(path: string, file: FileIdentity | undefined) {
    this.#path = path
    this.#file = file
  }

  open(): Opening {
    const opened = openWriter(this.#path, this.#file)
    if (!opened.ok) return { kind: 'refused', failure: opened.failure }
    this.#file = opened.file
    this.#connection = { db: opened.db, records: new Records(opened.db), write: prepare(opened.db) }
    return { kind: 'opened', file: opened.file }
  }

  close(): void {
    const connection = this.#connection
    this.#connection = undefined
    connection?.db.close()
  }

  /** The page behind a place, or undefined if it cannot be read now. */
  read(behind: Place, last: number): Texts | undefined {
    try {
      return this.#connection?.records.behind(behind, last)
    } catch {
      // Whoever asked then reads it himself, meets the same, and knows whom to tell.
      return undefined
    }
  }

  /** Answers for every append, in order. */
  commit(appends: readonly Append[], answer: (answer: Committed | Failed) => void): void {
    const result = this.#try(appends)
    if (typeof result === 'number') return answer([appends.length, result])
    if (appends.length === 1 || !ofOneAppend.has(result.reason)) {
      return answer({ kind: 'failed', appends: appends.length, failure: result })
    }
    for (const append of appends) this.commit([append], answer)
  }

  #try(appends: readonly Append[]): number | Failure {
    if (this.#connection === undefined) {
      const opening = this.open()
      if (opening.kind === 'refused') return opening.failure
    }
    try {
      return this.#connection!.write(appends)
    } catch (error) {
      const found = error instanceof ChainBroken
        ? failure(this.#path, 'damaged', 'CURFEW', error.message)
        : failureOf(this.#path, error)
      if (ofConnection.has(found.reason)) this.close()
      return found
    }
  }
}

class ChainBroken extends Error {}

const prepare = (db: Database.Database): Connection['write'] => {
  const last = db.prepare<[], { readonly seq: number; readonly hash: unknown }>(
    'SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1')
  const insert = db.prepare<[number, string, Buffer]>('INSERT INTO event (seq, body, hash) VALUES (?, ?, ?)')
  return db.transaction((appends: readonly Append[]): number => {
    // Always asked of the file: another process may have appended since, and asking costs 3 us.
    const row = last.get()
    const first = (row?.seq ?? 0) + 1
    let previous = row === undefined ? genesis : fromBytes(row.hash)
    if (previous === undefined) throw new ChainBroken(`record ${first - 1} holds no hash`)
    if (!Number.isSafeInteger(first)) throw new ChainBroken('the number of the last record is none that was given')
    let seq = first
    for (const bodies of appends) {
      for (const body of bodies) {
        previous = link(previous, seq, body)
        insert.run(seq, body, toBytes(previous))
        seq++
      }
    }
    return first
  }).immediate
}
