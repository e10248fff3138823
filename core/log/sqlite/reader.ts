import type Database from 'better-sqlite3'
import * as Effect from 'effect/Effect'
import { LogDamaged, type LogUnavailable } from '../../errors.ts'
import { decodeText } from '../codec.ts'
import type { Page } from '../follow.ts'
import { position, type Position } from '../position.ts'
import type { Ahead, Awaited } from './ahead.ts'
import type { Own } from './appends.ts'
import type { Link } from './chain.ts'
import { busyMs, failureOf, type Failure } from './classify.ts'
import { moved, openReader, type FileIdentity } from './format.ts'
import { closed, unavailable } from './problem.ts'
import { Records, type Broken, type Texts } from './records.ts'

/** As Place; the hash is undefined until it has been looked up. */
export interface Cursor {
  readonly seq: number
  readonly hash: Link | undefined
  /** The page behind it, where that was asked for already. */
  readonly ahead: Awaited | undefined
}

export const cursorAt = (from: Position): Cursor => ({ seq: from[0] ?? 0, hash: undefined, ahead: undefined })

interface Connection {
  readonly db: Database.Database
  readonly records: Records
}

/** Between two tries for a lock, ms. */
const retryMs = 5

const whatIsBroken: { readonly [broken in Broken]: string } = {
  missing: 'is missing',
  changed: 'is not as it was written: its hash does not fit',
  unreadable: 'cannot be read: the file contradicts itself',
  pruned: 'was too old to be kept (option retention), and this reader had not come to it'
}

/** In words, what is wrong with the record behind so many. */
export const brokenRecord = (path: string, seq: number, broken: Broken): string =>
  `Record ${seq + 1} of the log ${path} ${whatIsBroken[broken]}.`

/**
 * A page that was there before it was asked for says nothing of what has been appended since: a tail that waited for
 * the bell behind it might have missed the ring.
 */
const lookOn = (page: Page<Cursor>, last: number): Page<Cursor> => ({ ...page, more: page.next.seq < last })

/** Reads the log on the node's own thread, a page at a time. */
export class Reader {
  readonly #path: string
  readonly #ahead: Ahead
  #connection: Connection | undefined
  #file: FileIdentity | undefined
  #failure: Failure | undefined
  #closed = false
  #own: Own | undefined

  constructor(path: string, ahead: Ahead) {
    this.#path = path
    this.#ahead = ahead
  }

  /** `file`: the one that it must be, now and whenever it is opened again. */
  open(file: FileIdentity): Failure | undefined {
    const opened = openReader(this.#path, file)
    if (!opened.ok) return opened.failure
    this.#file = file
    this.#connection = { db: opened.db, records: new Records(opened.db) }
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
   * hashes are those that were written, so if the file says otherwise the record behind it is found to be damaged.
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
    return this.#attempt((records, file) => {
      const problem = moved(this.#path, file)
      return problem === undefined ? Effect.succeed(records.last()) : this.#failed(problem)
    })
  }

  /** Up to which number a reading that begins now goes. */
  bound(): Effect.Effect<number, LogUnavailable> {
    return this.#attempt((records) => Effect.succeed(records.bound()))
  }

  /** Changes with every commit of another connection, the own writer's too. Undefined: it could not be asked. */
  version(): number | undefined {
    try {
      return this.#connection?.records.version()
    } catch (error) {
      this.#failure = failureOf(this.#path, error)
      return undefined
    }
  }

  /** The records behind the cursor, up to number `last`, each checked against the hash of the one before. */
  page(cursor: Cursor, last: number): Effect.Effect<Page<Cursor>, LogUnavailable | LogDamaged> {
    const own = this.#ownPage(cursor, last)
    if (own !== undefined) return Effect.succeed(own)
    if (cursor.ahead === undefined) return this.#readPage(cursor, last)
    return Effect.flatMap(cursor.ahead.page, (page) => page === null
      ? this.#readPage(cursor, last)
      : Effect.succeed(lookOn(
          this.#pageOf(cursor.seq, { ...page, bodies: page.text.split('\n'), broken: null }, last), last)))
  }

  #readPage(cursor: Cursor, last: number): Effect.Effect<Page<Cursor>, LogUnavailable | LogDamaged> {
    return this.#attempt((records) => {
      const place = cursor.hash === undefined ? records.placeBehind(cursor.seq) : { seq: cursor.seq, hash: cursor.hash }
      return place === undefined
        ? Effect.fail(this.#noPlace(cursor.seq, records))
        : Effect.succeed(this.#pageOf(place.seq, records.behind(place, last), last))
    })
  }

  /** Asks for the next page before it decodes this one. */
  #pageOf(seq: number, { bodies, end, more, broken }: Texts, last: number): Page<Cursor> {
    const next: Cursor = { seq: end.seq, hash: end.hash, ahead: more ? this.#ahead.ask(end, last) : undefined }
    return {
      records: bodies.map((body, i) => ({ partition: 0, offset: seq + i, event: decodeText(body) })),
      next,
      more,
      damaged: broken === null ? null : this.#damaged(end.seq, broken)
    }
  }

  #ownPage(cursor: Cursor, last: number): Page<Cursor> | undefined {
    if (this.#own === undefined) return undefined
    const { standing: { first, before, last: hash }, records } = this.#own
    if (first !== cursor.seq + 1 || cursor.hash !== before) return undefined
    const seq = cursor.seq + records.length
    return seq > last ? undefined : lookOn({
      // Each reader has objects of its own: what an app does to those that it is given is none of the fold's business.
      records: records.map((body, i) => ({ partition: 0, offset: cursor.seq + i, event: decodeText(body) })),
      next: { seq, hash, ahead: undefined },
      more: false,
      damaged: null
    }, last)
  }

  #damaged(seq: number, broken: Broken): LogDamaged {
    const what = broken === 'pruned'
      ? 'Start again from the beginning of the log: for a node, restart it.'
      : 'Stop the nodes, verify the log, restore it from a copy.'
    return new LogDamaged({ position: position([seq]), message: `${brokenRecord(this.#path, seq, broken)} ${what}` })
  }

  #noPlace(seq: number, records: Records): LogDamaged {
    const last = records.last()
    if (seq < (records.anchor()?.seq ?? 0)) return this.#damaged(seq, 'pruned')
    if (seq <= last) return this.#damaged(seq - 1, 'changed')
    return new LogDamaged({
      position: position([last]),
      message: `The log ${this.#path} has ${last} records, and the position lies behind ${seq}: it is of another log, `
        + 'or this one was replaced by an older copy. Start the node without its snapshot, on the right file.'
    })
  }

  /** Never blocks for a lock: asks again, for as long as a writer would wait. */
  #attempt<A, E>(
    ask: (records: Records, file: FileIdentity) => Effect.Effect<A, E>, triesLeft = busyMs / retryMs
  ): Effect.Effect<A, E | LogUnavailable> {
    return Effect.suspend((): Effect.Effect<A, E | LogUnavailable> => {
      if (this.#closed || this.#file === undefined) return Effect.fail(unavailable(closed(this.#path)))
      const problem = this.#connection === undefined ? this.open(this.#file) : undefined
      if (problem !== undefined) return this.#failed(problem)
      try {
        this.#failure = undefined
        return ask(this.#connection!.records, this.#file)
      } catch (error) {
        const found = failureOf(this.#path, error)
        if (found.reason === 'busy' && triesLeft > 0) return Effect.delay(this.#attempt(ask, triesLeft - 1), retryMs)
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
