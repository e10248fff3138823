import type { Cap } from '../domain/commands.ts'
import { nameLengthMax } from '../domain/ids.ts'
import {
  type DurationInput, durationMs, isLimitsProblem, type Limits, type LimitsInput, type LimitsPreset, resolveLimits
} from '../domain/limits.ts'
import { InvalidOptions } from '../errors.ts'

/** What the owner may choose. Everything has a default but the name of the node, which defaults to a random one. */
export interface NodeOptions {
  /** The name of this node: unique in the cluster, the same after a restart. */
  readonly node?: string
  /** The limits of new sessions. Default: idle 30 minutes, absolute 12 hours, renew 1 hour. */
  readonly limits?: LimitsInput | LimitsPreset
  /** The longest that this node may answer without having compared itself with the log (I5). Default 5 seconds. */
  readonly maxStaleness?: DurationInput
  /** What to do past it: refuse everything as `stale` (default), or serve from what is known and say so in `health`. */
  readonly onStale?: 'refuse' | 'serve'
  /** How many sessions a subject may have at a time. Default 10. */
  readonly maxSessionsPerSubject?: number
  /** Who gives way when a subject starts one more. Default: its oldest session ends. */
  readonly onTooMany?: 'end-oldest' | 'refuse'
  /** How long a replaced token stays good after its successor was presented. Default 30 seconds. */
  readonly grace?: DurationInput
  /** How long a write may take before it is rejected with `LogUnavailable`. Default 5 seconds. */
  readonly writeTimeout?: DurationInput
  /** The most that the wall clocks of two nodes may differ before it is an alarm. Default 2 seconds. */
  readonly maxClockSkew?: DurationInput
  /** For how many sessions the index is laid out at the start; it grows past that. Default 1,024. */
  readonly expectedSessions?: number
}

/** The choices, checked and completed; durations in ms. */
export interface Settings {
  readonly node: string | null
  readonly limits: Limits
  readonly maxStalenessMs: number
  readonly onStale: 'refuse' | 'serve'
  readonly cap: Cap
  readonly graceMs: number
  readonly writeTimeoutMs: number
  readonly maxClockSkewMs: number
  readonly expectedSessions: number
}

const invalid = (option: string, must: string): InvalidOptions =>
  new InvalidOptions({ option, message: `The option ${option} must ${must}.` })

const duration = (
  option: string, value: DurationInput | undefined, fallback: number, min: number, max: number
): number | InvalidOptions => {
  if (value === undefined) return fallback
  const ms = durationMs(value)
  return ms === undefined || ms < min || ms > max
    ? invalid(option, `be a duration from ${min} ms to ${max} ms, like '5 seconds' or a number of ms`)
    : ms
}

const oneOf = <T extends string>(
  option: string, value: T | undefined, choices: readonly [T, ...T[]]
): T | InvalidOptions => {
  if (value === undefined) return choices[0]
  return choices.includes(value) ? value : invalid(option, `be one of '${choices.join("', '")}'`)
}

const count = (
  option: string, value: number | undefined, fallback: number, min: number, max: number
): number | InvalidOptions => {
  if (value === undefined) return fallback
  return Number.isSafeInteger(value) && value >= min && value <= max
    ? value
    : invalid(option, `be a whole number from ${min} to ${max}`)
}

const known = [
  'node', 'limits', 'maxStaleness', 'onStale', 'maxSessionsPerSubject', 'onTooMany', 'grace', 'writeTimeout',
  'maxClockSkew', 'expectedSessions'
] as const satisfies ReadonlyArray<keyof NodeOptions>

/** The settings, or the first option that cannot stand. `others`: options that someone else reads. */
export const resolveSettings = (options: NodeOptions, others: readonly string[] = []): Settings | InvalidOptions => {
  if (typeof options !== 'object' || options === null) return invalid('options', 'be an object')
  const unknown = Object.keys(options).find((key) => !others.includes(key) && !known.some((name) => name === key))
  if (unknown !== undefined) {
    return invalid(unknown, `not be given: the options are ${[...others, ...known].join(', ')}`)
  }
  const { node } = options
  if (node !== undefined && (typeof node !== 'string' || node.length < 1 || node.length > nameLengthMax)) {
    return invalid('node', `be a name of 1 to ${nameLengthMax} characters`)
  }
  const limits = resolveLimits(options.limits)
  if (isLimitsProblem(limits)) return invalid(limits.option, limits.must)
  const parts = {
    maxStalenessMs: duration('maxStaleness', options.maxStaleness, 5_000, 100, 600_000),
    onStale: oneOf('onStale', options.onStale, ['refuse', 'serve']),
    max: count('maxSessionsPerSubject', options.maxSessionsPerSubject, 10, 1, 100_000),
    onTooMany: oneOf('onTooMany', options.onTooMany, ['end-oldest', 'refuse']),
    graceMs: duration('grace', options.grace, 30_000, 0, 3_600_000),
    writeTimeoutMs: duration('writeTimeout', options.writeTimeout, 5_000, 10, 600_000),
    maxClockSkewMs: duration('maxClockSkew', options.maxClockSkew, 2_000, 1, 3_600_000),
    expectedSessions: count('expectedSessions', options.expectedSessions, 1_024, 1, 100_000_000)
  }
  for (const part of Object.values(parts)) if (part instanceof InvalidOptions) return part
  const sound = parts as { [K in keyof typeof parts]: Exclude<(typeof parts)[K], InvalidOptions> }
  return {
    node: node ?? null,
    limits,
    maxStalenessMs: sound.maxStalenessMs,
    onStale: sound.onStale,
    cap: { max: sound.max, onTooMany: sound.onTooMany },
    graceMs: sound.graceMs,
    writeTimeoutMs: sound.writeTimeoutMs,
    maxClockSkewMs: sound.maxClockSkewMs,
    expectedSessions: sound.expectedSessions
  }
}
