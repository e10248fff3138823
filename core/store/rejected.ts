import type { Rejection } from '../domain/decide.ts'
import { AttributesInvalid, AttributesTooLarge, Conflict, NotFound, TooManySessions } from '../errors.ts'

/** The error that a caller gets for a rejection by the domain. */
export const rejected = (
  rejection: Rejection, session: string
): AttributesInvalid | AttributesTooLarge | Conflict | NotFound | TooManySessions => {
  switch (rejection.code) {
    case 'NotFound':
      return new NotFound({ message: `There is no live session ${session}.` })
    case 'Conflict':
      return conflict(session, rejection.expected, rejection.actual)
    case 'TooManySessions':
      return tooMany(rejection.max)
    case 'AttributesInvalid':
      return new AttributesInvalid({ message: rejection.detail })
    case 'AttributesTooLarge':
      return new AttributesTooLarge({ message: rejection.detail })
  }
}

export const conflict = (session: string, expected: number, actual: number): Conflict => new Conflict({
  session, expected, actual,
  message: `Session ${session} is at version ${actual}, not ${expected}: someone else changed it first. Read it again.`
})

export const tooMany = (max: number): TooManySessions => new TooManySessions({
  max, message: `The subject has ${max} sessions already (option maxSessionsPerSubject). End one of list({ subject }) `
    + "first, or let the oldest give way: onTooMany: 'end-oldest'."
})
