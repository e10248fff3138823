import { LogUnavailable } from '../errors.ts'

/** Tells this failure from all others, for whoever can go on elsewhere. */
const mark: unique symbol = Symbol('sealed')

/** The log goes on in another one: nothing that is written here stands, and nobody here gets any fresher. */
export const logSealed = (to: string): LogUnavailable => new LogUnavailable({
  message: `The log was moved to ${to}: nothing is written here any more. Open that one, or give it as the log and this one `
    + 'as movingFrom.',
  cause: mark
})

/** Whether a call failed because its log was sealed, so that nothing of it stands. */
export const isSealed = (error: unknown): error is LogUnavailable =>
  error instanceof LogUnavailable && error.cause === mark
