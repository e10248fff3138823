import * as Duration from 'effect/Duration'
import * as Schema from 'effect/Schema'

/** The time limits of one session, in ms. They are written into its start and hold for its whole life. */
export const Limits = Schema.Struct({
  /** Refused once this long without activity. */
  idle: Schema.Int.check(Schema.isBetween({ minimum: 1_000, maximum: 2_592_000_000 })),
  /** Refused this long after the start, whatever the activity. */
  absolute: Schema.Int.check(Schema.isBetween({ minimum: 1_000, maximum: 34_560_000_000 })),
  /** After this long with one token `validate` asks for a rotation; null: never. */
  renew: Schema.NullOr(Schema.Int.check(Schema.isBetween({ minimum: 1_000, maximum: 34_560_000_000 })))
})
export type Limits = typeof Limits.Type

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** The shortest limit. A shorter one cannot be told from the clocks' disagreement. */
export const limitMsMin = second
/** The longest idle limit: 30 days, NIST SP 800-63B-4 section 2.1.3. */
export const idleMsMax = 30 * day
/** The longest absolute limit: 400 days, the longest life of a cookie (RFC 6265bis section 5.5). */
export const absoluteMsMax = 400 * day

/** NIST SP 800-63B-4, sections 2.1.3, 2.2.3 and 2.3.3: the reauthentication limits of each assurance level. */
export const presets = {
  aal1: { idle: 30 * day, absolute: 30 * day, renew: day },
  aal2: { idle: hour, absolute: day, renew: hour },
  aal3: { idle: 15 * minute, absolute: 12 * hour, renew: 15 * minute }
} as const satisfies Record<string, Limits>
/** The presets by name: what NIST SP 800-63B-4 says of that assurance level. */
export type LimitsPreset = keyof typeof presets

export const defaultLimits: Limits = { idle: 30 * minute, absolute: 12 * hour, renew: hour }

/** A length of time: ms, or words such as '30 minutes' (what effect's Duration reads). */
export type DurationInput =
  | number
  | `${number} ${'milli' | 'millis' | 'second' | 'seconds' | 'minute' | 'minutes' | 'hour' | 'hours' | 'day' | 'days'}`

/** How long a session lasts without activity, how long in all, and after how long a verdict says `renew`. */
export interface LimitsInput {
  readonly idle?: DurationInput
  readonly absolute?: DurationInput
  readonly renew?: DurationInput | null
}

/** Whole ms of a duration, or undefined if the value is none. */
export const durationMs = (value: unknown): number | undefined => {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? Math.round(value) + 0 : undefined
  if (typeof value !== 'string') return undefined
  try {
    const ms = Duration.toMillis(Duration.fromInputUnsafe(value as Duration.Input))
    return Number.isFinite(ms) && ms >= 0 ? Math.round(ms) : undefined
  } catch {
    return undefined
  }
}

/** A limit that cannot stand: which option, and what it must be. */
export interface LimitsProblem {
  readonly option: string
  readonly must: string
}

const inRange = (option: string, value: unknown, max: number): number | LimitsProblem => {
  const ms = durationMs(value)
  return ms === undefined || ms < limitMsMin || ms > max
    ? { option, must: `be a duration from 1 second to ${max / day} days, like '30 minutes' or a number of ms` }
    : ms
}

const isPlain = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** The limits that the owner asked for, completed by defaults, or what is wrong with them. Never infinite. */
export const resolveLimits = (
  input: LimitsInput | LimitsPreset | undefined, defaults: Limits = defaultLimits
): Limits | LimitsProblem => {
  if (input === undefined) return defaults
  if (typeof input === 'string') {
    return Object.hasOwn(presets, input)
      ? presets[input]
      : { option: 'limits', must: "be 'aal1', 'aal2', 'aal3' or an object" }
  }
  if (!isPlain(input)) return { option: 'limits', must: 'be an object or a preset' }
  for (const key of Object.keys(input)) {
    if (key !== 'idle' && key !== 'absolute' && key !== 'renew') {
      return { option: `limits.${key}`, must: 'not be given: the limits are idle, absolute and renew' }
    }
  }
  const absolute = input.absolute === undefined
    ? defaults.absolute
    : inRange('limits.absolute', input.absolute, absoluteMsMax)
  if (typeof absolute !== 'number') return absolute
  const idle = input.idle === undefined
    ? Math.min(defaults.idle, absolute)
    : inRange('limits.idle', input.idle, idleMsMax)
  if (typeof idle !== 'number') return idle
  if (idle > absolute) return { option: 'limits.idle', must: 'not be longer than limits.absolute' }
  if (input.renew === null) return { idle, absolute, renew: null }
  const renew = input.renew === undefined ? defaults.renew : inRange('limits.renew', input.renew, absoluteMsMax)
  if (renew !== null && typeof renew !== 'number') return renew
  return { idle, absolute, renew }
}

export const isLimitsProblem = (value: Limits | LimitsProblem): value is LimitsProblem => 'must' in value
