import { type Position, position } from '../log/position.ts'

/** What a log says of itself, as far as it was folded: whether it is a copy, and whether it goes on elsewhere. */
export interface LogMove {
  /** By partition, the offset of the seal behind which everything is void. Empty: the log is not sealed. */
  readonly sealedAt: ReadonlyMap<number, number>
  /** Where the log goes on; null: here. */
  readonly sealedTo: string | null
  /** The log that is being copied to this one, or was; null: none. */
  readonly copiedFrom: string | null
  /** 'finished': in every partition that has been heard of since the copy began. */
  readonly copy: 'none' | 'copying' | 'finished'
  /** By partition, the offset at which the copy was finished. */
  readonly finishedAt: ReadonlyMap<number, number>
}

/** Whether something of what an append with this outcome wrote stands behind a seal. */
export const isBehindSeal = ({ sealedAt }: LogMove, place: Position): boolean =>
  sealedAt.size > 0 && place.some((count, partition) => count - 1 > (sealedAt.get(partition) ?? Infinity))

/** The place behind the copy, where a log goes on with what is its own. */
export const behindCopy = ({ finishedAt }: LogMove): Position => {
  const counts: number[] = []
  for (const [partition, offset] of finishedAt) {
    while (counts.length <= partition) counts.push(0)
    counts[partition] = offset + 1
  }
  return position(counts)
}
