import * as Effect from 'effect/Effect'
import * as Semaphore from 'effect/Semaphore'
import type { ArchiveUnavailable, ArchiveUnusable } from '../../core/errors.ts'
import type { StoredEvent } from '../../core/log/port.ts'
import { behindGap, behindRecord } from './state.ts'
import { type Gap, gapLine } from './line.ts'
import type { ArchiveState, OpenArchive } from './target.ts'

/** So much text is written at once: enough to compress well, little enough to hold in memory. */
const batchLengthMax = 4_194_304

/** Why what was read does not stand in the archive. */
export type Unwritten = ArchiveUnavailable | ArchiveUnusable

/** What has been read and does not stand in the archive yet, with the state behind it. */
export class Batch {
  readonly #archive: OpenArchive
  readonly #write: (record: StoredEvent) => string
  readonly #written: (batch: Batch) => void
  readonly #turn = Semaphore.makeUnsafe(1)
  #state: ArchiveState
  #lines: string[] = []
  #length = 0
  #unwritten = 0
  #events = 0
  #gaps = 0

  constructor(
    archive: OpenArchive, state: ArchiveState, write: (record: StoredEvent) => string, written: (batch: Batch) => void
  ) {
    this.#archive = archive
    this.#state = state
    this.#write = write
    this.#written = written
  }

  /** The state behind what was read last. */
  state(): ArchiveState {
    return this.#state
  }

  /** How many events stand in the archive that did not when this began. */
  events(): number {
    return this.#events
  }

  gaps(): number {
    return this.#gaps
  }

  /** Takes records in; writes as soon as there are enough. */
  take(records: readonly StoredEvent[]): Effect.Effect<void, Unwritten> {
    return this.#turn.withPermits(1)(this.#take(records, 0))
  }

  /** Says in the archive that something is missing, and goes on behind it. */
  skip(gap: Gap, at: number): Effect.Effect<void, Unwritten> {
    return this.#turn.withPermits(1)(Effect.suspend(() => {
      this.#add(gapLine(gap, at))
      this.#state = behindGap(this.#state, gap.to)
      this.#gaps++
      return this.#flush()
    }))
  }

  /** Writes what there is. */
  readonly flush: Effect.Effect<void, Unwritten> = Effect.suspend(() => this.#turn.withPermits(1)(this.#flush()))

  #take(records: readonly StoredEvent[], first: number): Effect.Effect<void, Unwritten> {
    return Effect.suspend(() => {
      for (let i = first; i < records.length; i++) {
        const record = records[i]!
        this.#add(this.#write(record))
        this.#state = behindRecord(this.#state, record)
        this.#unwritten++
        if (this.#length >= batchLengthMax) return Effect.andThen(this.#flush(), this.#take(records, i + 1))
      }
      return Effect.void
    })
  }

  #add(line: string): void {
    this.#lines.push(line)
    this.#length += line.length
  }

  /** Whoever is stopped meanwhile waits for it: else what stands and what is known to stand would part. */
  #flush(): Effect.Effect<void, Unwritten> {
    return Effect.uninterruptible(Effect.suspend(() => {
      if (this.#lines.length === 0) return Effect.void
      return Effect.map(this.#archive.append(this.#lines, this.#state), () => {
        this.#events += this.#unwritten
        this.#lines = []
        this.#length = this.#unwritten = 0
        this.#written(this)
      })
    }))
  }
}
