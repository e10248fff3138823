import type { KeyObject } from 'node:crypto'
import type Database from 'better-sqlite3'
import { Anchors, sign } from './anchor.ts'
import { toBytes, type Place } from './chain.ts'
import { Records } from './records.ts'

/** What one step of pruning came to. */
export interface Pruned {
  /** How many records are gone by now, since the log began. */
  readonly pruned: number
  /** Whether there may be more to prune. */
  readonly more: boolean
}

/** So many of the last records are asked what the time is: the clock of one node alone that is ahead prunes nothing. */
const witnesses = 100

/**
 * Takes the oldest records out of the log, a page at a time. Only whole pages whose chain is intact: the anchor must not
 * vouch for what somebody has changed. The last records stay, whatever their age, so that numbers are never given again.
 */
export class Pruning {
  readonly #anchors: Anchors
  readonly #records: Records
  readonly #key: KeyObject | undefined
  readonly #now: Database.Statement<[number], number | null>
  readonly #keep: Database.Statement<[number, number, number], number>
  readonly #delete: Database.Statement<[number]>
  readonly #move: Database.Statement<[number, Buffer, Uint8Array | null]>
  readonly #step: (retentionMs: number, wall: number) => Pruned

  constructor(db: Database.Database, key: KeyObject | undefined) {
    this.#anchors = new Anchors(db)
    this.#records = new Records(db)
    this.#key = key
    this.#now = db.prepare<[number], number | null>(
      `SELECT min(body ->> '$.at') FROM (SELECT body FROM event ORDER BY seq DESC LIMIT ?) WHERE json_valid(body)`).pluck()
    // Each event says when it was; one that does not keeps itself and all behind it.
    this.#keep = db.prepare<[number, number, number], number>(
      `SELECT seq FROM event WHERE seq > ? AND seq <= ? AND (json_valid(body) = 0 OR body ->> '$.at' IS NULL OR body ->> '$.at' >= ?)
        ORDER BY seq LIMIT 1`).pluck()
    this.#delete = db.prepare('DELETE FROM event WHERE seq <= ?')
    this.#move = db.prepare('INSERT OR REPLACE INTO anchor (id, seq, hash, signature) VALUES (1, ?, ?, ?)')
    this.#step = db.transaction((retentionMs: number, wall: number) => this.#inTransaction(retentionMs, wall)).immediate
  }

  /** One page of what is older than `retentionMs`, by the clock of this node and those of the last writers. */
  step(retentionMs: number, wall: number): Pruned {
    return this.#step(retentionMs, wall)
  }

  #inTransaction(retentionMs: number, wall: number): Pruned {
    const anchor = this.#anchors.read()
    if (anchor === undefined) return { pruned: 0, more: false }
    const before = Math.min(wall, this.#now.get(witnesses) ?? 0) - retentionMs
    const oldest = this.#records.behind(anchor, this.#records.last() - witnesses, true)
    const kept = this.#keep.get(anchor.seq, oldest.end.seq, before) ?? Infinity
    const place = this.#placeOf(anchor, oldest.bodies, kept - 1 - anchor.seq)
    if (place.seq === anchor.seq) return { pruned: anchor.seq, more: false }
    const { hash, seq, signature } = sign(this.#key, place)
    this.#move.run(seq, toBytes(hash), signature)
    this.#delete.run(seq)
    return { pruned: seq, more: oldest.more && kept > seq + 1 }
  }

  /** Behind the first of these records, of which at most `most` may go. */
  #placeOf(anchor: Place, bodies: readonly string[], most: number): Place {
    const count = Math.min(bodies.length, most)
    return count <= 0 ? anchor : this.#records.placeBehind(anchor.seq + count) ?? anchor
  }
}
