/** What several rounds gave: the middle one, and how far they lay apart. */
export interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
}

const sorted = (samples: readonly number[]): readonly number[] => {
  if (samples.length === 0) throw new RangeError('no samples: there is nothing to tell')
  for (const sample of samples) if (!Number.isFinite(sample)) throw new RangeError(`a sample is ${sample}`)
  return samples.toSorted((a, b) => a - b)
}

/** The middle sample, or the mean of the two in the middle. */
export const median = (samples: readonly number[]): number => {
  const order = sorted(samples)
  const middle = order.length >> 1
  return order.length % 2 === 1 ? order[middle]! : (order[middle - 1]! + order[middle]!) / 2
}

/** The smallest sample that `share` (0 to 1) of all samples do not exceed: a nearest rank, no invented value. */
export const quantile = (samples: readonly number[], share: number): number => {
  const order = sorted(samples)
  return order[Math.min(order.length - 1, Math.max(0, Math.ceil(share * order.length) - 1))]!
}

export const spread = (samples: readonly number[]): Spread => {
  const order = sorted(samples)
  return { median: median(order), low: order[0]!, high: order.at(-1)! }
}

/** Ours over theirs, round by round: what the machine did to one round it did to both. */
export const ratiosByRound = (ours: readonly number[], theirs: readonly number[]): readonly number[] => {
  if (ours.length !== theirs.length) throw new RangeError(`${ours.length} rounds of ours, ${theirs.length} of theirs`)
  return ours.map((sample, round) => sample / theirs[round]!)
}
