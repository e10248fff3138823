import { LogUnavailable } from '../../errors.ts'
import type { Trouble } from '../../kafka/trouble.ts'

export const unavailable = (trouble: Trouble): LogUnavailable =>
  new LogUnavailable({ message: trouble.message, cause: trouble })

export const closed = new LogUnavailable({ message: 'The log was closed.' })
/** The same for what was under way. */
export const closing: Trouble = { kind: 'silent', message: closed.message }
