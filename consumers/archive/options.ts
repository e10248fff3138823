import type * as Layer from 'effect/Layer'
import { type DurationInput, durationMs } from '../../core/domain/limits.ts'
import { InvalidOptions, type LogUnavailable, type LogUnusable } from '../../core/errors.ts'
import type { EventLog } from '../../core/log/port.ts'
import type { Position } from '../../core/log/position.ts'
import { type Omission, omissions } from './line.ts'
import type { ArchiveTarget } from './target.ts'

/** How far a copying has come, and what it has done. */
export interface ArchiveProgress {
  /** Events that this run has put into the archive. */
  readonly events: number
  /** Gaps that this run has accepted. */
  readonly gaps: number
  /** The place behind the last event in the archive; null: it was stopped before it was open. */
  readonly position: Position | null
  /** Where the log ended when the run began; null: as above. */
  readonly head: Position | null
}

/** What to copy, whereto, and how. */
export interface ArchiveOptions {
  /** A log with the same options as its nodes have. With a `retention` it is also pruned, as by any node. */
  readonly from: Layer.Layer<EventLog, LogUnusable | LogUnavailable | InvalidOptions>
  /** Such as `archiveFile({ path })`. */
  readonly to: ArchiveTarget
  /** Goes on with what is yet to be appended, until it is stopped. Default: false: up to the end that the log has now. */
  readonly follow?: boolean
  /** How long an event waits at most for others to be written with. Default: 5 seconds; 10 ms to 1 hour. */
  readonly batchAge?: DurationInput
  /**
   * Leaves out more than the digests of tokens, which are always left out: the app's `attributes` (and their changes), the
   * `device`, the `evidence` of anomalies, and who was `seen` in a batch of activity.
   */
  readonly without?: readonly Omission[]
  /** Goes on where the log has forgotten events before they were archived, and says so in a line. Default: false. */
  readonly acceptGap?: boolean
  /** Called when a batch stands in the archive. Must not throw. */
  readonly onProgress?: (progress: ArchiveProgress) => void
  /** Told why the log cannot be read for the moment; only with `follow`, where it is tried again. Must not throw. */
  readonly onTrouble?: (error: LogUnavailable) => void
}

/** The same, checked and completed. */
export interface ArchiveSettings {
  readonly from: ArchiveOptions['from']
  readonly to: ArchiveTarget
  readonly follow: boolean
  readonly batchAgeMs: number
  readonly without: readonly Omission[]
  readonly acceptGap: boolean
  readonly onProgress: (progress: ArchiveProgress) => void
  readonly onTrouble: (error: LogUnavailable) => void
}

const batchAgeMsDefault = 5_000
const batchAgeMsMin = 10
const batchAgeMsMax = 3_600_000

const known = ['from', 'to', 'follow', 'batchAge', 'without', 'acceptGap', 'onProgress', 'onTrouble', 'signal']

const invalid = (option: string, must: string): InvalidOptions =>
  new InvalidOptions({ option, message: `The option ${option} of archive must be ${must}.` })

const isOmission = (name: unknown): name is Omission => omissions.some((omission) => omission === name)

/** What the options come to, or what is wrong with them. */
export const checkOptions = (options: ArchiveOptions): ArchiveSettings | InvalidOptions => {
  // Plain JavaScript may pass anything.
  const given = options as ArchiveOptions | null
  if (typeof given !== 'object' || given === null) {
    return new InvalidOptions({ option: 'options', message: 'The options of archive must be an object.' })
  }
  const stranger = Object.keys(given).find((name) => !known.includes(name))
  if (stranger !== undefined) {
    return new InvalidOptions({ option: stranger, message: `archive has no option ${stranger}; it has ${known.join(', ')}.` })
  }
  const { from, to, follow = false, acceptGap = false, without = [], onProgress, onTrouble } = given
  const isLayer = typeof from === 'object' as unknown && from !== null && 'build' in from
  if (!isLayer) return invalid('from', "a log, such as sqliteLog({ path: 'sessions.db' })")
  const isTarget = typeof to === 'object' as unknown && to !== null && 'open' in to
  if (!isTarget) return invalid('to', "a place, such as archiveFile({ path: 'sessions.ndjson.gz' })")
  if (typeof follow !== 'boolean') return invalid('follow', 'true or false')
  if (typeof acceptGap !== 'boolean') return invalid('acceptGap', 'true or false')
  if (!Array.isArray(without) || !without.every(isOmission)) return invalid('without', `a list out of ${omissions.join(', ')}`)
  for (const [name, call] of [['onProgress', onProgress], ['onTrouble', onTrouble]] as const) {
    if (call !== undefined && typeof call !== 'function') return invalid(name, 'a function')
  }
  const batchAgeMs = given.batchAge === undefined ? batchAgeMsDefault : durationMs(given.batchAge)
  if (batchAgeMs === undefined || batchAgeMs < batchAgeMsMin || batchAgeMs > batchAgeMsMax) {
    return invalid('batchAge', "a duration from 10 ms to 1 hour, like '5 seconds'")
  }
  return {
    from, to, follow, acceptGap, without, batchAgeMs,
    onProgress: onProgress ?? (() => undefined), onTrouble: onTrouble ?? (() => undefined)
  }
}
