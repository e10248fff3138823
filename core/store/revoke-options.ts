import { type EndReason, millisMax } from '../domain/events.ts'
import { nameLengthMax } from '../domain/ids.ts'
import { InvalidOptions } from '../errors.ts'

/** What to end. `before`: only sessions that started before that time; `except`: ids or tokens that stay. */
export type Target =
  | { readonly token: string }
  | { readonly id: string }
  | { readonly subject: string; readonly except?: string | readonly string[]; readonly before?: number | Date }
  | { readonly tenant: string; readonly before?: number | Date }
  | { readonly all: true; readonly before?: number | Date }

/** durable: it stands in the log. cluster: besides, every other node has applied it, or must have fenced itself. */
export type Confirm = 'durable' | 'cluster'

/** Why, on whose order, and what to wait for. */
export interface RevokeOptions {
  /** Default: 'logout' for a token, otherwise 'revoked'. */
  readonly reason?: EndReason
  /** On whose order, where that is not the subject: for the audit trail. */
  readonly by?: string
  readonly confirm?: Confirm
}

export const invalid = (option: string, must: string) =>
  new InvalidOptions({ option, message: `The option ${option} must ${must}.` })

const reasons: ReadonlySet<unknown> = new Set(
  ['logout', 'revoked', 'idle', 'absolute', 'superseded', 'token-reuse', 'evicted', 'migrated'] satisfies EndReason[])

export const readTime = (value: unknown): number | null | InvalidOptions => {
  if (value === undefined) return null
  const ms = value instanceof Date ? value.getTime() : value
  return typeof ms === 'number' && Number.isSafeInteger(ms) && ms >= 0 && ms <= millisMax
    ? ms
    : invalid('before', 'be a Date or ms since 1970')
}

export const readName = (option: string, value: unknown): string | InvalidOptions =>
  typeof value === 'string' && value.length >= 1 && value.length <= nameLengthMax
    ? value
    : invalid(option, `be a string of 1 to ${nameLengthMax} characters`)

const shapes = [['token'], ['id'], ['subject', 'except', 'before'], ['tenant', 'before'], ['all', 'before']] as const

/** A misspelt `except` would end more than was meant. */
export const unknownKey = (target: object): InvalidOptions | undefined => {
  const shape = shapes.find(([kind]) => kind in target)
  const stranger = Object.keys(target).find((key) => !shape?.some((known) => known === key))
  return shape === undefined || stranger !== undefined
    ? invalid(stranger ?? 'target', 'not be given so: the target is { token }, { id }, { subject, except?, before? }, '
      + '{ tenant, before? } or { all: true, before? }')
    : undefined
}

/** Copies: what was checked is what is done, whatever an object makes of being read. */
export const readOnce = (
  target: Target, options: RevokeOptions | null | undefined
): { readonly target: Target; readonly options: RevokeOptions } | InvalidOptions => {
  try {
    return { target: { ...target }, options: { ...options } }
  } catch {
    return invalid('target', 'be an object that can be read: a property of it, or of the options, threw')
  }
}

/** The two reasons that the fold checks against the clock are the sweeper's to give. */
export const checkOptions = (options: RevokeOptions): InvalidOptions | undefined => {
  const { reason, by, confirm } = options
  const stranger = Object.keys(options).find((key) => key !== 'reason' && key !== 'by' && key !== 'confirm')
  if (stranger !== undefined) return invalid(stranger, 'not be given: revoke takes reason, by and confirm')
  if (reason !== undefined && (!reasons.has(reason) || reason === 'idle' || reason === 'absolute')) {
    return invalid('reason', "be 'logout', 'revoked', 'superseded', 'token-reuse', 'evicted' or 'migrated'")
  }
  if (by !== undefined) {
    const actor = readName('by', by)
    if (actor instanceof InvalidOptions) return actor
  }
  return confirm === undefined || confirm === 'durable' || confirm === 'cluster'
    ? undefined
    : invalid('confirm', "be 'durable' or 'cluster'")
}
