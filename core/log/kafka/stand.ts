import type { Clock } from '../../clock.ts'
import { LogDamaged } from '../../errors.ts'
import type { Raw } from '../../kafka/api.ts'
import type { Trouble } from '../../kafka/trouble.ts'
import { position, type Position } from '../position.ts'

/**
 * So long a partition may end before what stood there, ms: a leader that was deposed and does not know it yet, for the
 * brokers are cut off from each other, knows less than its successor.
 */
const laggingMsMax = 10_000
/** Between two times that it was seen to, ms. */
const laggingSeenMsMax = 3_000

/** What this node knows of one partition. */
interface PartitionStand {
  /** So many records are known to stand. */
  known: number
  /** The last one that came. */
  mark: Raw | undefined
  lagsSince: number | undefined
  laggedAt: number
}

/**
 * What this node knows of the topic that is its log, so that another one, or one that has lost its end, is not taken for
 * it: one that was deleted and made anew, a leader that was elected without having all, a disk that was put back.
 */
export class Stand {
  readonly topic: string
  readonly #clock: Clock
  readonly #partitions: readonly PartitionStand[]
  readonly #onDamage: () => void
  #damage: LogDamaged | undefined

  constructor(topic: string, partitions: number, clock: Clock, onDamage: () => void) {
    this.topic = topic
    this.#clock = clock
    this.#onDamage = onDamage
    this.#partitions = Array.from({ length: partitions }, () =>
      ({ known: 0, mark: undefined, lagsSince: undefined, laggedAt: -Infinity }))
  }

  partitions(): number {
    return this.#partitions.length
  }

  /** So many records of a partition are known to stand. */
  know(partition: number, end: number): void {
    const stand = this.#partitions[partition]!
    if (end > stand.known) stand.known = end
  }

  known(partition: number): number {
    return this.#partitions[partition]!.known
  }

  /** The same of every partition. */
  allKnown(): readonly number[] {
    return this.#partitions.map(({ known }) => known)
  }

  /** The last record that came, by which the partition is known again. */
  mark(partition: number): Raw | undefined {
    return this.#partitions[partition]!.mark
  }

  /** It has aged. */
  unmark(partition: number): void {
    this.#partitions[partition]!.mark = undefined
  }

  /** Records that came, in order; returns the damage, if another one had come in the place of one of them. */
  delivered(partition: number, records: readonly Raw[]): LogDamaged | undefined {
    const stand = this.#partitions[partition]!
    for (const record of records) {
      const { mark } = stand
      if (mark !== undefined && record.offset === mark.offset
        && (record.stamp !== mark.stamp || record.epoch !== mark.epoch || record.text !== mark.text)) {
        return this.distrust(`has another record ${record.offset} in partition ${partition} than it had: it lost what stood `
          + 'there, by an unclean election, or was made anew')
      }
      if (mark === undefined || record.offset > mark.offset) {
        if (mark !== undefined && record.epoch < mark.epoch) {
          return this.distrust(`has a record ${record.offset} in partition ${partition} of an older election than the one before `
            + 'it: it was put together from copies')
        }
        stand.mark = record
      }
      this.know(partition, record.offset + 1)
    }
    return undefined
  }

  /**
   * Where a partition was said to end, and how much was known to stand there when that was asked: more may be known by now.
   * Returns what is wrong with it.
   */
  ends(partition: number, end: number, stood: number): Trouble | LogDamaged | undefined {
    const stand = this.#partitions[partition]!
    if (this.#damage !== undefined) return this.#damage
    if (end >= stood) {
      stand.lagsSince = undefined
      this.know(partition, end)
      return undefined
    }
    const now = this.#clock.monotonic()
    // It has to be seen all the time: between two elections long apart there was none.
    if (now - stand.laggedAt > laggingSeenMsMax) stand.lagsSince = undefined
    stand.laggedAt = now
    stand.lagsSince ??= now
    const what = `ends at record ${end} of partition ${partition}, though ${stood} records stood there`
    if (now - stand.lagsSince >= laggingMsMax) {
      return this.distrust(`${what}: it lost them, by an unclean election, or was made anew`)
    }
    return {
      kind: 'doubtful', message: `The topic ${this.topic} ${what}: its leader was deposed and does not know it, or they are lost.`
    }
  }

  /** How many partitions the topic was said to have; returns the damage, if that is not as many as it had. */
  laidOut(partitions: number): LogDamaged | undefined {
    if (partitions === this.#partitions.length) return undefined
    return this.distrust(`has ${partitions} partitions and had ${this.#partitions.length}: the events of one subject now stand in `
      + 'two of them')
  }

  /** Why the topic can never again be the log of this node. */
  damage(): LogDamaged | undefined {
    return this.#damage
  }

  /** The topic is not the one that it was. Every reading from now on fails. */
  distrust(why: string): LogDamaged {
    if (this.#damage !== undefined) return this.#damage
    const damage = new LogDamaged({
      position: this.#taken(),
      message: `The topic ${this.topic} ${why}. Stop the nodes, restore the topic, or start them without what they know.`
    })
    this.#damage = damage
    this.#onDamage()
    return damage
  }

  #taken(): Position {
    return position(this.#partitions.map(({ mark }) => mark === undefined ? 0 : mark.offset + 1))
  }
}
