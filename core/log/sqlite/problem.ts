import { LogUnavailable, LogUnusable } from '../../errors.ts'
import { failure, type Failure } from './classify.ts'

/** The log does not answer now. What failed may be tried again; the message says what has to change, if anything. */
export const unavailable = (problem: Failure): LogUnavailable =>
  new LogUnavailable({ message: problem.message, cause: problem })

/** A file that cannot be used as it is, or one that cannot be used now. */
export const openError = (problem: Failure): LogUnusable | LogUnavailable => {
  switch (problem.reason) {
    case 'busy':
    case 'full':
    case 'io':
    case 'other':
      return unavailable(problem)
    default:
      return new LogUnusable({ message: problem.message, cause: problem })
  }
}

export const closed = (path: string): Failure => failure(path, 'other', 'CURFEW', 'it was closed')
