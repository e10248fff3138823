import { InvalidOptions } from '../errors.ts'
import { type DurationInput, durationMs } from '../domain/limits.ts'

const day = 86_400_000
/** What a log keeps where its owner does not say: enough to look into last quarter's trouble. */
export const retentionMsDefault = 90 * day
const retentionMsMin = 1_000
const retentionMsMax = 36_500 * day

/**
 * What a log has to keep at least: no session may be alive whose start is gone, by whatever clock is wrong within its
 * bounds, and whoever starts meanwhile reads what it needs before it is gone.
 */
export const leastRetentionMs = (absoluteMs: number, maxClockSkewMs: number): number =>
  absoluteMs * 1.1 + 2 * maxClockSkewMs + 10_000

/** How long a log keeps its events: ms, or null: for ever. */
export const checkRetention = (retention: DurationInput | 'forever' | undefined): number | null | InvalidOptions => {
  if (retention === undefined) return retentionMsDefault
  if (retention === 'forever') return null
  const ms = durationMs(retention)
  return ms !== undefined && ms >= retentionMsMin && ms <= retentionMsMax ? ms : new InvalidOptions({
    option: 'retention',
    message: "The option retention must be a duration from 1 second to 36500 days, like '90 days', or 'forever'."
  })
}
