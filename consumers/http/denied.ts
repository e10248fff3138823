import { LogUnavailable } from '../../index.ts'
import { denial, type Denial } from './denial.ts'

/** A request that is not let through. The adapters answer it as `denial` says; an app may do otherwise. */
export class Denied extends Error {
  override readonly name = 'Denied'
  readonly denial: Denial
  /** As the frameworks read it. */
  readonly status: number
  readonly statusCode: number

  constructor(denial: Denial) {
    super(denial.title)
    this.denial = denial
    this.status = denial.status
    this.statusCode = denial.status
  }
}

/** The answer to a request that failed in the way of sessions; undefined: it failed in another way. */
export const denialOf = (error: unknown): Denial | undefined => {
  if (error instanceof Denied) return error.denial
  return error instanceof LogUnavailable ? denial('unavailable') : undefined
}
