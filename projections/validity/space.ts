import type { EndReason } from '../../core/domain/events.ts'
import type { SessionId } from '../../core/domain/ids.ts'
import type { IndexEvents } from '../../core/store/ports.ts'
import { ActiveRows } from './activity.ts'
import { Blobs } from './blobs.ts'
import { ColdReader, ColdWriter } from './cold.ts'
import { FoldedCommands } from './commands.ts'
import { Dictionary } from './dictionary.ts'
import { Early } from './early.ts'
import { ListsBySubject, ListsByTenant } from './lists.ts'
import { Ids } from './ids.ts'
import { Moving } from './moving.ts'
import { Remembered } from './remembered.ts'
import { Rows } from './rows.ts'
import { aliasBits, rowWord, slotWords, stateWord } from './slot.ts'
import { OrderedTable, homeOf, slotMask, slotShift } from './table.ts'
import { Wides } from './wides.ts'

export interface IndexOptions {
  readonly events: IndexEvents
  /** Sessions that fit before it grows for the first time. */
  readonly initialCapacity?: number
  /** Bytes of one segment of blobs, a power of two. */
  readonly blobSegmentBytes?: number
  /** Two secret words: the key of the hash of subjects, which strangers may choose. */
  readonly seed?: readonly [number, number]
  /** How many early revocations are remembered at a time, and how many command ids of wide ones in a partition. */
  readonly earlyMax?: number
  readonly commandsMax?: number
  /** Slots held against the wide revocations with each one that comes, at least. Default 2,048. */
  readonly settleMin?: number
  /** Slots that a table which grows moves with each insertion. Default 64. */
  readonly growSteps?: number
}

/** How far a walk through all slots has come, and the stamp of wide revocations when it began. */
export interface Round {
  cursor: number
  stamp: number
}

/** The slot of a session as it stands until the next slot is inserted or removed. */
export interface Place {
  words: Uint32Array
  base: number
}

/** Everything that the index knows, and what finds one part from another. What it means is for the files beside. */
export class Space {
  readonly events: IndexEvents
  /** By digest: homes and aliases. */
  readonly tokens: OrderedTable
  readonly rows = new Rows()
  readonly settleMin: number
  readonly ids: Ids
  readonly bySubject: ListsBySubject
  readonly byTenant: ListsByTenant
  readonly blobs: Blobs
  readonly dictionary = new Dictionary()
  readonly wides = new Wides()
  readonly early: Early
  readonly commands: FoldedCommands
  readonly remembered: Remembered
  /** Sessions of which an event cannot be read. */
  readonly blocked = new Set<SessionId>()
  /** Rows whose end is to be told. */
  readonly watched = new Set<number>()
  readonly active = new ActiveRows()
  /** Why this node cannot trust its index, and what else it could not read; both bounded, the latest last. */
  readonly distrust: string[] = []
  readonly skipped: string[] = []
  /** What the log says of itself. */
  readonly moving = new Moving()
  /** Records folded, by partition. */
  readonly counts: number[] = []
  /** Sessions that are not ended; exact once wide revocations are settled, see `WideEntry.isCounted`. */
  live = 0

  /** The round of the sweep, and the one that settles wide revocations as they come. */
  readonly sweeping: Round = { cursor: 0, stamp: 0 }
  readonly settling: Round = { cursor: 0, stamp: 0 }

  readonly reader = new ColdReader()
  readonly #subjectReader = new ColdReader()
  readonly writer = new ColdWriter()
  /** For the words of an id, of a digest, of a new slot. */
  readonly id = new Uint32Array(4)
  readonly entry = new Uint32Array(slotWords)
  readonly #place: Place = { words: this.entry, base: 0 }

  constructor(options: IndexOptions) {
    const capacity = Math.max(4, Math.ceil(options.initialCapacity ?? 1_024))
    const [key0, key1] = options.seed ?? [0x243f6a88, 0x85a308d3]
    this.events = options.events
    this.settleMin = options.settleMin ?? 2_048
    const steps = options.growSteps
    this.tokens = new OrderedTable({
      stride: slotWords, mark: rowWord, keys: capacity, loadMax: 0.86, growth: 1.2, steps, counts: true
    })
    this.ids = new Ids(this, capacity, steps)
    this.bySubject = new ListsBySubject(this, capacity, key0, key1, steps)
    this.byTenant = new ListsByTenant()
    this.blobs = new Blobs(options.blobSegmentBytes ?? 1_048_576)
    this.early = new Early(options.earlyMax)
    this.commands = new FoldedCommands(options.commandsMax)
    this.remembered = new Remembered(4)
  }

  /** The home of a row that is in use. The answer is one object, used again by the next call. */
  home(row: number): Place {
    const key = this.rows.key.get(row)
    const side = this.tokens.side(key)
    for (let slot = homeOf(side, key); ; slot++) {
      const words = side.segments[slot >>> slotShift]!
      const base = (slot & slotMask) * slotWords
      if (words[base + rowWord] === row && (words[base + stateWord]! & aliasBits) === 0) {
        this.#place.words = words
        this.#place.base = base
        return this.#place
      }
    }
  }

  /** Whether the row is in use. */
  hasHome(row: number): boolean {
    const key = this.rows.key.get(row)
    const side = this.tokens.side(key)
    for (let slot = homeOf(side, key); ; slot++) {
      const words = side.segments[slot >>> slotShift]!
      const base = (slot & slotMask) * slotWords
      if (words[base + rowWord] === 0 || words[base]! > key) return false
      if (words[base + rowWord] === row && (words[base + stateWord]! & aliasBits) === 0) return true
    }
  }

  /** The reader, at the blob with this address. */
  cold(address: number): ColdReader {
    this.reader.read(this.blobs.bytesOf(address), this.blobs.offsetOf(address))
    return this.reader
  }

  /** Another reader, for the list of subjects: `cold` may be in use while it looks around. */
  subjectReader(address: number): ColdReader {
    this.#subjectReader.read(this.blobs.bytesOf(address), this.blobs.offsetOf(address))
    return this.#subjectReader
  }

  tell(row: number, id: SessionId, reason: EndReason): void {
    if (this.watched.delete(row)) this.events.onEnded(id, reason)
  }

  bytes(): number {
    return this.tokens.bytes() + this.rows.bytes() + this.ids.bytes() + this.bySubject.bytes() + this.byTenant.bytes()
      + this.blobs.bytes() + this.remembered.bytes()
  }
}
