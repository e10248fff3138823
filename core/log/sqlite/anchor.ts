import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto'
import type Database from 'better-sqlite3'
import { fromBytes, genesis, toBytes, type Link, type Place } from './chain.ts'

/**
 * Where the chain begins: behind the last record that was pruned. The hash of that one stands for all before it, so what
 * is left can be checked as if nothing were gone; the signature shows that it was pruned by someone who has the key, and
 * not cut off by someone who has the file.
 */
export interface Anchor extends Place {
  readonly signature: Uint8Array | null
}

/** Of a log from which nothing was pruned. */
export const firstAnchor: Anchor = { seq: 0, hash: genesis, signature: null }

export const anchorTable = `CREATE TABLE anchor (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL,
  signature BLOB
) STRICT`

const purpose = 'curfew log anchor'

/** The hash is of one record only: its number is in it. */
const signed = (key: KeyObject, { hash }: Place): Buffer =>
  createHmac('sha256', key).update(purpose).update(toBytes(hash)).digest()

export const sign = (key: KeyObject | undefined, place: Place): Anchor =>
  ({ ...place, signature: key === undefined ? null : signed(key, place) })

/** Whether somebody who has the key has put it there. Nothing was pruned: nothing needs to be signed. */
export const isSigned = (key: KeyObject, anchor: Anchor): boolean => {
  if (anchor.seq === 0) return true
  const { signature } = anchor
  const expected = signed(key, anchor)
  return signature !== null && signature.length === expected.length && timingSafeEqual(signature, expected)
}

/** The anchor as one connection reads and writes it. Throws what the driver throws. */
export class Anchors {
  readonly #read: Database.Statement<[], { readonly seq: number; readonly hash: unknown; readonly signature: unknown }>

  constructor(db: Database.Database) {
    this.#read = db.prepare('SELECT seq, hash, signature FROM anchor')
  }

  /** Undefined: what stands there is none. */
  read(): Anchor | undefined {
    const row = this.#read.get()
    if (row === undefined) return firstAnchor
    const hash: Link | undefined = fromBytes(row.hash)
    const signature = row.signature instanceof Uint8Array ? row.signature : null
    return hash === undefined || !Number.isSafeInteger(row.seq) || row.seq < 1 ? undefined : { seq: row.seq, hash, signature }
  }
}
