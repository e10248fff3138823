import type Database from 'better-sqlite3'
import { fromBytes, genesis, link, toBytes, type Link } from './chain.ts'

/** Records of one append, in their order. */
export type Append = readonly string[]

/** Where the records of a transaction stand: the number of the first, and the hashes before it and of the last. */
export interface Standing {
  readonly first: number
  readonly before: Link
  readonly last: Link
}

/** The end of the log is not what was written. */
export class ChainBroken extends Error {}

interface End {
  readonly seq: number
  readonly hash: Link
}

/** The transaction in which records are appended, on one connection. Throws what the driver throws. */
export class Transaction {
  readonly #db: Database.Database
  readonly #last: Database.Statement<[], { readonly seq: number; readonly hash: unknown }>
  readonly #insert: Database.Statement<[number, string, Buffer]>
  readonly #begin: Database.Statement<[]>
  readonly #commit: Database.Statement<[]>

  constructor(db: Database.Database) {
    this.#db = db
    this.#last = db.prepare('SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1')
    this.#insert = db.prepare('INSERT INTO event (seq, body, hash) VALUES (?, ?, ?)')
    this.#begin = db.prepare('BEGIN IMMEDIATE')
    this.#commit = db.prepare('COMMIT')
  }

  /**
   * Appends one behind the other and makes them durable. `problem` is asked right before that: if it finds a problem,
   * nothing is appended.
   */
  append<Problem>(appends: readonly Append[], problem: () => Problem | undefined): Standing | Problem {
    this.#begin.run()
    try {
      const before = this.#standingEnd()
      let { seq, hash } = before
      for (const bodies of appends) {
        for (const body of bodies) {
          seq++
          hash = link(hash, seq, body)
          this.#insert.run(seq, body, toBytes(hash))
        }
      }
      const found = problem()
      if (found !== undefined) {
        this.#db.exec('ROLLBACK')
        return found
      }
      this.#commit.run()
      return { first: before.seq + 1, before: before.hash, last: hash }
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  #standingEnd(): End {
    // Always asked of the file: another process may have appended since, and asking costs 3 us.
    const row = this.#last.get()
    const seq = row?.seq ?? 0
    const hash = row === undefined ? genesis : fromBytes(row.hash)
    if (hash === undefined) throw new ChainBroken(`record ${seq} holds no hash`)
    if (!Number.isSafeInteger(seq + 1)) throw new ChainBroken('the number of the last record is none that was given')
    return { seq, hash }
  }
}
