import * as Effect from 'effect/Effect'
import type { PageRead } from './messages.ts'
import type { Place } from './chain.ts'
import type { LogThread } from './thread.ts'

/** A page that was asked for before it is needed. */
export interface Awaited {
  readonly page: Effect.Effect<PageRead['page']>
}

interface Request {
  page: PageRead['page'] | undefined
  resume: (page: PageRead['page']) => void
}

/**
 * A node that catches up decodes and folds one page while the thread reads and checks the next: with two cores that
 * halves the time. Only good pages come from there; whatever else there is, the reader finds out for itself.
 */
export class Ahead {
  readonly #thread: LogThread
  readonly #onChange: () => void
  readonly #requests: Request[] = []

  /** `onChange` is told when requests begin or cease to wait. */
  constructor(thread: LogThread, onChange: () => void) {
    this.#thread = thread
    this.#onChange = onChange
  }

  waiting(): number {
    return this.#requests.length
  }

  ask(behind: Place, last: number): Awaited {
    const request: Request = { page: undefined, resume: () => undefined }
    if (this.#thread.post({ behind, last })) this.#requests.push(request)
    else request.page = null
    this.#onChange()
    return {
      page: Effect.callback((resume) => {
        if (request.page !== undefined) return resume(Effect.succeed(request.page))
        request.resume = (page) => resume(Effect.succeed(page))
      })
    }
  }

  /** The oldest request is answered. */
  answer(page: PageRead['page']): void {
    const request = this.#requests.shift()
    this.#onChange()
    if (request === undefined) return
    request.page = page
    request.resume(page)
  }

  /** No request that waits will be answered. */
  lose(): void {
    while (this.#requests.length > 0) this.answer(null)
  }
}
