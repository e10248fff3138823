import { LogUnavailable } from '../../errors.ts'

/** Why JetStream did not do what was asked, in words that an operator can act on. */
export interface Trouble {
  readonly kind:
    /** There is no connection to a server, or it went while an answer was awaited. */
    | 'unconnected'
    /** No answer in time: what was asked may have been done. */
    | 'silent'
    /** Nobody takes such requests: JetStream is off, the stream has no leader just now, or there is no such stream. */
    | 'nobody'
    /** The server said no. */
    | 'refused'
    /** The answer is none that JetStream gives, or not the newest. */
    | 'doubtful'
  readonly message: string
  /** The server's own number of the error, where it said no. */
  readonly code?: number
}

export const unavailable = (trouble: Trouble): LogUnavailable =>
  new LogUnavailable({ message: trouble.message, cause: trouble })

export const closed = new LogUnavailable({ message: 'The log was closed.' })
