import { durationMs, type DurationInput } from '../../core/domain/limits.ts'
import type { Session } from '../../index.ts'
import { InvalidOptions } from '../../index.ts'
import { denial, type Denial } from './denial.ts'

/** What a guard looks at. */
export interface Guarded {
  readonly session: Session | null
  /** Assurance levels, the weakest first. */
  readonly levels: readonly string[]
  /** Wall clock, ms. */
  readonly now: () => number
}

/** Whether a request may go on: null, or the answer that it gets instead. */
export type Guard = (request: Guarded) => Denial | null

/** Somebody has logged in: an anonymous session is not enough. */
export const requireSession = (): Guard => ({ session }) =>
  session !== null && session.subject !== null ? null : denial('login-required')

/** Somebody has logged in, and proved who he is at this level or a higher one. Throws for a level that there is not. */
export const requireLevel = (level: string): Guard => (request) => {
  const denied = requireSession()(request)
  if (denied !== null) return denied
  const { levels, session } = request
  const needed = levels.indexOf(level)
  if (needed === -1) throw unknownLevel(level, levels)
  return levels.indexOf(session!.authentication.level) >= needed ? null : denial('level-required')
}

const unknownLevel = (level: string, levels: readonly string[]) => new InvalidOptions({
  option: 'level', message: `There is no level ${level} among ${levels.join(', ')} (option levels).`
})

/** Somebody has proved who he is not longer ago than this, at login or since. */
export const requireRecent = (within: DurationInput): Guard => {
  const ms = durationMs(within)
  if (ms === undefined) {
    throw new InvalidOptions({ option: 'within', message: "The option within must be a duration, like '5 minutes'." })
  }
  return (request) => {
    const denied = requireSession()(request)
    if (denied !== null) return denied
    return request.now() - request.session!.authentication.at <= ms ? null : denial('reauthentication-required')
  }
}

/** Somebody of this tenant has logged in. */
export const requireTenant = (tenant: string): Guard => requireThat((session) => session.tenant === tenant)

/** Somebody has logged in, and the app's own rule holds for the session. */
export const requireThat = (holds: (session: Session) => boolean): Guard => (request) =>
  requireSession()(request) ?? (holds(request.session!) ? null : denial('forbidden'))

/** All of them, in this order. */
export const requireAll = (...guards: readonly Guard[]): Guard => (request) => {
  for (const guard of guards) {
    const denied = guard(request)
    if (denied !== null) return denied
  }
  return null
}
