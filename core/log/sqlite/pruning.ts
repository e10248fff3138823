import type { KeyObject } from 'node:crypto'
import type Database from 'better-sqlite3'
import { Anchors, isSigned, sign } from './anchor.ts'
import { toBytes, type Place } from './chain.ts'
import { Records } from './records.ts'

/** What one step of pruning came to. */
export interface Pruned {
  /** How many records are gone by now, since the log began. */
  readonly pruned: number
  /** Whether there may be more to prune. */
  readonly more: boolean
  /** Why nothing is pruned though it may be old enough, or null. */
  readonly refused: string | null
}

/**
 * So many of the last records are asked what the time is, and of so many more the last one of each node. A clock that is
 * ahead prunes nothing, unless its node wrote all of them.
 */
const witnesses = 100
const witnessesOfNodes = 1_000
/** A session may last longer than its limit by so much of it, and by so many ms, where clocks are wrong within bounds. */
const lastsLonger = 1.1
const lastsLongerMs = 15_000

/**
 * Takes the oldest records out of the log, a page at a time. Only whole pages whose chain is intact: the anchor must not
 * vouch for what somebody has changed. The last records stay, whatever their age, so that numbers are never given again.
 */
export class Pruning {
  readonly #anchors: Anchors
  readonly #records: Records
  readonly #key: KeyObject | undefined
  readonly #now: Database.Statement<[], number | null>
  readonly #keep: Database.Statement<[{ behind: number; upTo: number; before: number; now: number }], number>
  readonly #delete: Database.Statement<[number]>
  readonly #move: Database.Statement<[number, Buffer, Uint8Array | null]>
  readonly #step: (retentionMs: number, wall: number) => Pruned

  constructor(db: Database.Database, key: KeyObject | undefined) {
    this.#anchors = new Anchors(db)
    this.#records = new Records(db)
    this.#key = key
    this.#now = db.prepare<[], number | null>(
      `WITH last AS (SELECT seq, body ->> '$.at' AS at, body ->> '$.by' AS node
          FROM (SELECT seq, body FROM event ORDER BY seq DESC LIMIT ${witnessesOfNodes}) WHERE json_valid(body))
        SELECT min(at) FROM (
          SELECT at FROM last WHERE seq > (SELECT max(seq) FROM event) - ${witnesses}
          UNION ALL SELECT max(at) FROM last GROUP BY node)`).pluck()
    // Each event says when it was; one that does not keeps itself and all behind it. So does the start of a session that may
    // be alive, whatever limits the nodes have by now.
    this.#keep = db.prepare<[{ behind: number; upTo: number; before: number; now: number }], number>(
      `SELECT seq FROM event WHERE seq > :behind AND seq <= :upTo AND (json_valid(body) = 0 OR body ->> '$.at' IS NULL
          OR body ->> '$.at' >= :before
          OR body ->> '$.at' + body ->> '$.limits.absolute' * ${lastsLonger} + ${lastsLongerMs} >= :now)
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
    if (anchor === undefined) return { pruned: 0, more: false, refused: 'it does not say where it begins' }
    // To go on from there would vouch with the key for what somebody without it has cut off.
    if (this.#key !== undefined && !isSigned(this.#key, anchor)) {
      return { pruned: anchor.seq, more: false, refused: `no node with this key has pruned what came before record ${anchor.seq + 1}` }
    }
    const now = Math.min(wall, this.#now.get() ?? 0)
    const oldest = this.#records.behind(anchor, this.#records.last() - witnesses, true)
    const kept = this.#keep.get({ behind: anchor.seq, upTo: oldest.end.seq, before: now - retentionMs, now }) ?? Infinity
    const place = this.#placeOf(anchor, oldest.bodies, kept - 1 - anchor.seq)
    if (place.seq === anchor.seq) return { pruned: anchor.seq, more: false, refused: null }
    const { hash, seq, signature } = sign(this.#key, place)
    this.#move.run(seq, toBytes(hash), signature)
    this.#delete.run(seq)
    return { pruned: seq, more: oldest.more && kept > seq + 1, refused: null }
  }

  /** Behind the first of these records, of which at most `most` may go. */
  #placeOf(anchor: Place, bodies: readonly string[], most: number): Place {
    const count = Math.min(bodies.length, most)
    return count <= 0 ? anchor : this.#records.placeBehind(anchor.seq + count) ?? anchor
  }
}
