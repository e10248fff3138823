import type Database from 'better-sqlite3'
import * as Effect from 'effect/Effect'
import { LogDamaged, LogUnavailable } from '../../errors.ts'
import { decodeText } from '../codec.ts'
import { batchLengthMax, type Page } from '../follow.ts'
import type { StoredEvent } from '../port.ts'
import { position, type Position } from '../position.ts'
import { closed, unavailable, type Own } from './appender.ts'
import { fromBytes, genesis, link, type Link } from './chain.ts'
import { busyMs, failureOf, type Failure } from './classify.ts'
import { moved, openReader, type FileIdentity } from './format.ts'

/** How many records lie before, and the hash of the last of them; undefined: not yet looked up. */
export interface Cursor {
  readonly seq: number
  readonly hash: Link | undefined
}

type Row = readonly [seq: number, body: string, hash: Uint8Array]

interface Connection {
  readonly db: Database.Database
  readonly rows: Database.Statement<[number, number, number], Row>
  readonly hash: Database.Statement<[number], Uint8Array>
  readonly last: Database.Statement<[], number>
  readonly version: Database.Statement<[], number>
}

/** Between two tries for a lock, ms. */
const retryMs = 5

/** Reads the log on the node's own thread, a page at a time, and holds no transaction between two pages. */
export class Reader {
  readonly #path: string
  #connection: Connection | undefined
  #file: FileIdentity | undefined
  #failure: Failure | undefined
  #closed = false
  #own: Own | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** `file`: the one that it must be, now and whenever it is opened again. */
  open(file: FileIdentity): Failure | undefined {
    const opened = openReader(this.#path, file)
    if (!opened.ok) return opened.failure
    const db = opened.db
    this.#file = file
    this.#connection = {
      db,
      rows: db.prepare<[number, number, number], Row>(
        'SELECT seq, body, hash FROM event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?').raw(),
      hash: db.prepare<[number], Uint8Array>('SELECT hash FROM event WHERE seq = ?').pluck(),
      last: db.prepare<[], number>('SELECT coalesce(max(seq), 0) FROM event').pluck(),
      version: db.prepare<[], number>('PRAGMA data_version').pluck()
    }
    return undefined
  }

  /** For good: what is still asked fails. */
  close(): void {
    this.#closed = true
    this.#drop()
  }

  /** The next one to ask opens the file anew. */
  #drop(): void {
    this.#connection?.db.close()
    this.#connection = undefined
  }

  /**
   * What this node has just committed need not be read back: where it stands right behind a cursor, it is the page. Its
   * hashes are computed as they must be, so if the file says otherwise the record behind it is found to be damaged.
   */
  remember(own: Own | undefined): void {
    this.#own = own
  }

  /** The last failure, until something succeeds again. */
  failure(): Failure | undefined {
    return this.#failure
  }

  /** The number of the last record. Asked of the file at its path, not of one that was moved away. */
  last(): Effect.Effect<number, LogUnavailable> {
    return this.#attempt((connection) => {
      const problem = this.#file && moved(this.#path, this.#file)
      return problem === undefined ? Effect.succeed(connection.last.get() ?? 0) : Effect.fail(unavailable(problem))
    })
  }

  /** Changes with every commit of another connection, the own writer's too. Undefined: it could not be asked. */
  version(): number | undefined {
    try {
      return this.#connection?.version.get()
    } catch (error) {
      this.#failure = failureOf(this.#path, error)
      return undefined
    }
  }

  /** The records behind the cursor, up to number `last`, each checked against the hash of the one before. */
  page(cursor: Cursor, last: number): Effect.Effect<Page<Cursor>, LogUnavailable | LogDamaged> {
    const own = this.#ownPage(cursor, last)
    return own !== undefined ? Effect.succeed(own) : this.#attempt((connection) => {
      const hash = cursor.hash ?? (cursor.seq === 0 ? genesis : fromBytes(connection.hash.get(cursor.seq)))
      if (hash === undefined) return Effect.fail(this.#noAnchor(cursor.seq, connection.last.get() ?? 0))
      const rows = connection.rows.all(cursor.seq, last, batchLengthMax)
      return Effect.succeed(this.#check(rows, { seq: cursor.seq, hash }))
    })
  }

  #ownPage(cursor: Cursor, last: number): Page<Cursor> | undefined {
    const own = this.#own
    if (own === undefined || own.first !== cursor.seq + 1 || cursor.hash === undefined) return undefined
    if (own.first + own.records.length - 1 > last) return undefined
    const records: StoredEvent[] = []
    let { seq, hash } = cursor as { readonly seq: number; readonly hash: Link }
    for (const { body, event } of own.records) {
      records.push({ partition: 0, offset: seq, event })
      seq++
      hash = link(hash, seq, body)
    }
    return { records, next: { seq, hash }, more: false, damaged: null }
  }

  #check(rows: readonly Row[], from: { readonly seq: number; readonly hash: Link }): Page<Cursor> {
    const records: StoredEvent[] = []
    let { seq, hash } = from
    for (const [found, body, stored] of rows) {
      const wanted = seq + 1
      const linked = found === wanted ? link(hash, wanted, body) : undefined
      if (linked === undefined || linked !== fromBytes(stored)) {
        const what = found === wanted ? 'does not match the hash that it was written with' : 'is missing'
        return { records, next: { seq, hash }, more: false, damaged: this.#damaged(seq, what) }
      }
      records.push({ partition: 0, offset: seq, event: decodeText(body) })
      seq = wanted
      hash = linked
    }
    return { records, next: { seq, hash }, more: rows.length === batchLengthMax, damaged: null }
  }

  #damaged(before: number, what: string): LogDamaged {
    return new LogDamaged({
      position: position([before]),
      message: `Record ${before + 1} of the log ${this.#path} ${what}. Stop the nodes, verify the log, restore it from a copy.`
    })
  }

  #noAnchor(seq: number, last: number): LogDamaged {
    if (seq <= last) return this.#damaged(seq - 1, 'is missing or holds no hash')
    return new LogDamaged({
      position: position([last]),
      message: `The log ${this.#path} has ${last} records, and the position lies behind ${seq}: it is of another log, or this one was replaced by an older copy.`
    })
  }

  /** Never blocks for a lock: asks again, for as long as a writer would wait. */
  #attempt<A, E>(f: (connection: Connection) => Effect.Effect<A, E>, triesLeft = busyMs / retryMs): Effect.Effect<A, E | LogUnavailable> {
    return Effect.suspend((): Effect.Effect<A, E | LogUnavailable> => {
      if (this.#closed || this.#file === undefined) return Effect.fail(unavailable(closed(this.#path)))
      const problem = this.#connection === undefined ? this.open(this.#file) : undefined
      if (problem !== undefined) return this.#failed(problem)
      try {
        const result = f(this.#connection!)
        this.#failure = undefined
        return result
      } catch (error) {
        const found = failureOf(this.#path, error)
        if (found.reason === 'busy' && triesLeft > 0) {
          return Effect.delay(this.#attempt(f, triesLeft - 1), retryMs)
        }
        if (found.reason !== 'busy') this.#drop()
        return this.#failed(found)
      }
    })
  }

  #failed(problem: Failure): Effect.Effect<never, LogUnavailable> {
    this.#failure = problem
    return Effect.fail(unavailable(problem))
  }
}

export const cursorAt = (from: Position): Cursor => ({ seq: from[0] ?? 0, hash: undefined })
