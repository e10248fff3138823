import type Database from 'better-sqlite3'
import { batchLengthMax } from '../limits.ts'
import { Anchors, type Anchor } from './anchor.ts'
import { fromBytes, link, type Link, type Place } from './chain.ts'
import { classify } from './classify.ts'

/** Why the record behind a place cannot be trusted. */
export type Broken =
  /** There are later ones, but not this one. */
  | 'missing'
  /** It, or its hash, is not what was written. */
  | 'changed'
  /** SQLite cannot read it. */
  | 'unreadable'
  /** It was too old to be kept. */
  | 'pruned'

/** Texts that follow each other, checked. */
export interface Texts {
  readonly bodies: readonly string[]
  readonly end: Place
  /** Whether more stood behind when they were read. */
  readonly more: boolean
  /** What is wrong with the record at `end`, if anything. */
  readonly broken: Broken | null
}

type Row = readonly [seq: number, body: string]
interface Rows {
  readonly rows: readonly Row[]
  readonly more: boolean
  /** Whether SQLite cannot read what stands behind them. */
  readonly unreadable: boolean
}

const isDamage = (error: unknown): boolean => {
  const reason = classify(error)
  return reason === 'damaged' || reason === 'not-a-database'
}

/** A page takes no more than about so many bytes of records, however few. */
const pageBytesMax = 1_048_576
/** So many are read without asking how large they are. The tail of a quiet log is one of these. */
const unaskedMax = 8

/** The table of records, as one connection reads it. Throws what the driver throws. No transaction outlasts a call. */
export class Records {
  readonly #rows: Database.Statement<[number, number, number], Row>
  readonly #size: Database.Statement<[number, number, number], { readonly rows: number; readonly bytes: number }>
  readonly #hash: Database.Statement<[number], unknown>
  readonly #last: Database.Statement<[], number>
  readonly #anchors: Anchors
  readonly #snapshot: <A>(read: () => A) => A
  readonly #version: Database.Statement<[], number>

  constructor(db: Database.Database) {
    this.#rows = db.prepare<[number, number, number], Row>(
      'SELECT seq, body FROM event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?').raw()
    this.#size = db.prepare(`SELECT count(*) AS rows, coalesce(sum(octet_length(body)), 0) AS bytes
      FROM (SELECT body FROM event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?)`)
    this.#hash = db.prepare<[number], unknown>('SELECT hash FROM event WHERE seq = ?').pluck()
    this.#last = db.prepare<[], number>('SELECT coalesce(max(seq), 0) FROM event').pluck()
    this.#anchors = new Anchors(db)
    this.#snapshot = (read) => db.inTransaction ? read() : db.transaction(read)()
    this.#version = db.prepare<[], number>('PRAGMA data_version').pluck()
  }

  /** The number of the last record. */
  last(): number {
    return this.#last.get() ?? 0
  }

  /** Up to which number a reading that begins now goes. Infinity where the end of the table is damaged, to be found. */
  bound(): number {
    try {
      const last = this.last()
      return Number.isSafeInteger(last) ? last : Infinity
    } catch (error) {
      if (!isDamage(error)) throw error
      return Infinity
    }
  }

  /** Changes with every commit of another connection. */
  version(): number | undefined {
    return this.#version.get()
  }

  /** Where the chain begins, or undefined if that is damaged. */
  anchor(): Anchor | undefined {
    return this.#anchors.read()
  }

  /**
   * The place behind record `seq`, or undefined if there is no such record, or none with a hash. Behind record 0 is where
   * the log begins, whatever was pruned.
   */
  placeBehind(seq: number): Place | undefined {
    const anchor = this.anchor()
    if (anchor !== undefined && (seq === 0 || seq === anchor.seq)) return { seq: anchor.seq, hash: anchor.hash }
    const hash = fromBytes(this.#hash.get(seq))
    return hash === undefined ? undefined : { seq, hash }
  }

  /**
   * The records behind a place, up to number `last`, whole and in their order. As each hash covers the one before, all
   * of them are as they were written if the last one's hash is; so only that one is fetched, which halves the price.
   * `thorough`: each one's hash is fetched.
   */
  behind(place: Place, last: number, thorough = false): Texts {
    const texts = this.#behind(place, last, thorough)
    // What is missing may have been pruned while it was read: once more, from one state of the file.
    return texts.broken === null || texts.broken === 'unreadable' ? texts : this.#snapshot(() => {
      const again = this.#behind(place, last, thorough)
      const isPruned = again.broken === 'missing' && again.bodies.length === 0 && (this.anchor()?.seq ?? 0) > place.seq
      return isPruned ? { ...again, broken: 'pruned' } : again
    })
  }

  #behind(place: Place, last: number, thorough: boolean): Texts {
    const { rows, more, unreadable } = this.#read(place, last)
    const bodies: string[] = []
    const links: Link[] = []
    let hash = place.hash
    for (const [seq, body] of rows) {
      if (seq !== place.seq + bodies.length + 1 || typeof body !== 'string') break
      hash = link(hash, seq, body)
      bodies.push(body)
      links.push(hash)
    }
    const good = this.#good(place.seq, links, thorough)
    const end = good === 0 ? place : { seq: place.seq + good, hash: links[good - 1]! }
    const broken = good < links.length ? 'changed' : good < rows.length ? 'missing' : unreadable ? 'unreadable' : null
    bodies.length = good
    return { bodies, end, more: more && broken === null, broken }
  }

  /** How many of these hashes, from the first on, the records behind `seq` hold. */
  #good(seq: number, links: readonly Link[], thorough: boolean): number {
    const holds = (i: number) => fromBytes(this.#hash.get(seq + i + 1)) === links[i]
    if (links.length === 0 || (!thorough && holds(links.length - 1))) return links.length
    const first = links.findIndex((_, i) => !holds(i))
    return first === -1 ? links.length : first
  }

  #read({ seq }: Place, last: number): Rows {
    try {
      const rows = this.#rows.all(seq, last, unaskedMax)
      const to = rows.at(-1)?.[0] ?? last
      if (rows.length < unaskedMax || to >= last) return { rows, more: false, unreadable: false }
      const size = this.#size.get(to, last, batchLengthMax - unaskedMax)!
      const fitting = size.bytes <= pageBytesMax ? size.rows : Math.floor(size.rows * pageBytesMax / size.bytes)
      if (fitting > 0) rows.push(...this.#rows.all(to, last, fitting))
      return { rows, more: size.rows === batchLengthMax - unaskedMax || fitting < size.rows, unreadable: false }
    } catch (error) {
      if (!isDamage(error)) throw error
      return this.#readable(seq, last)
    }
  }

  /** One by one, up to the one at which SQLite finds the file damaged. */
  #readable(seq: number, last: number): Rows {
    const rows: Row[] = []
    try {
      for (const row of this.#rows.iterate(seq, last, batchLengthMax)) rows.push(row)
    } catch (error) {
      if (!isDamage(error)) throw error
      return { rows, more: false, unreadable: true }
    }
    return { rows, more: rows.length === batchLengthMax, unreadable: false }
  }
}
