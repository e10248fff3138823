import type { KeyObject } from 'node:crypto'
import type Database from 'better-sqlite3'
import { failure, failureOf, type Failure, type Reason } from './classify.ts'
import { moved, openWriter, type FileIdentity } from './format.ts'
import type { Committed, Failed, Opening, PruneDone, PruneRequest } from './messages.ts'
import { Pruning } from './pruning.ts'
import type { Place } from './chain.ts'
import { Records, type Texts } from './records.ts'
import { ChainBroken, Transaction, type Append, type Standing } from './transaction.ts'

/** Failures that may be one append's own: the others of its transaction are tried without it. */
const ofOneAppend: ReadonlySet<Reason> = new Set(['full', 'too-big', 'other'])
/** Failures after which the connection may be of no more use: the next commit opens a new one. */
const ofConnection: ReadonlySet<Reason> =
  new Set(['read-only', 'cannot-open', 'io', 'damaged', 'not-a-database', 'other'])

interface Connection {
  readonly db: Database.Database
  readonly file: FileIdentity
  readonly records: Records
  readonly transaction: Transaction
  readonly pruning: Pruning
}

/** Appends to the log, many in one transaction, and reads it. Blocks its thread; belongs into one of its own. */
export class Commits {
  readonly #path: string
  readonly #key: KeyObject | undefined
  #file: FileIdentity | undefined
  #connection: Connection | undefined

  /** `file`: the one that it must be, if it was open before. `key`: signs where the log begins. */
  constructor(path: string, file: FileIdentity | undefined, key: KeyObject | undefined) {
    this.#path = path
    this.#key = key
    this.#file = file
  }

  open(): Opening {
    const opened = openWriter(this.#path, this.#file)
    if (!opened.ok) return { kind: 'refused', failure: opened.failure }
    const { db, file } = opened
    this.#file = file
    this.#connection = { db, file, records: new Records(db), transaction: new Transaction(db), pruning: new Pruning(db, this.#key) }
    return { kind: 'opened', file }
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

  /** Takes a page of old records out. */
  prune({ retentionMs, wall }: PruneRequest): PruneDone {
    if (this.#connection === undefined) {
      const opening = this.open()
      if (opening.kind === 'refused') return { kind: 'not-pruned', failure: opening.failure }
    }
    const { file, pruning } = this.#connection!
    const problem = moved(this.#path, file)
    if (problem !== undefined) return { kind: 'not-pruned', failure: problem }
    try {
      const { refused, ...done } = pruning.step(retentionMs, wall)
      return refused === null ? { kind: 'pruned', ...done } : { kind: 'not-pruned', failure: unpruned(this.#path, refused) }
    } catch (error) {
      return { kind: 'not-pruned', failure: failureOf(this.#path, error) }
    }
  }

  /** Commits appends in one transaction, and answers for every one, in order. */
  commit(appends: readonly Append[], answer: (answer: Committed | Failed) => void): void {
    if (appends.length === 0) return
    const result = this.#try(appends)
    if ('first' in result) return answer([appends.length, result])
    if (appends.length === 1 || !ofOneAppend.has(result.reason)) {
      return answer({ kind: 'failed', appends: appends.length, failure: result })
    }
    for (const append of appends) this.commit([append], answer)
  }

  #try(appends: readonly Append[]): Standing | Failure {
    if (this.#connection === undefined) {
      const opening = this.open()
      if (opening.kind === 'refused') return opening.failure
    }
    const { transaction, file } = this.#connection!
    try {
      // What is committed to a file that no longer stands at its path is gone with the next start.
      return transaction.append(appends, () => moved(this.#path, file))
    } catch (error) {
      const found = error instanceof ChainBroken
        ? failure(this.#path, 'damaged', 'CURFEW', error.message)
        : failureOf(this.#path, error)
      if (ofConnection.has(found.reason)) this.close()
      return found
    }
  }
}

/** The owner decides: it may be a theft, or a log that has been given its key only now. */
const unpruned = (path: string, why: string): Failure => ({
  reason: 'damaged', code: 'CURFEW', message: `Nothing that is too old is taken out of the log ${path}: ${why}. Verify the log: `
    + 'if its beginning was pruned before the nodes had a key, go on without one, or copy it into a new log.'
})
