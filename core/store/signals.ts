import type { EndReason } from '../domain/events.ts'
import { isSessionId, type SessionId } from '../domain/ids.ts'
import { absoluteDeadline, idleDeadline } from '../domain/session.ts'
import type { SessionIndex } from './ports.ts'
import type { TrustedTime } from './trusted-time.ts'

/** The `reason` of an aborted signal. */
export class SessionOver extends Error {
  override readonly name = 'SessionOver'
  readonly session: string
  readonly reason: EndReason | 'unknown' | 'closed'

  /** Without a stack: it would lead to the event loop, and taking it costs a third of the way to the listener. */
  static of(session: string, reason: EndReason | 'unknown' | 'closed'): SessionOver {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    try {
      return new SessionOver(session, reason)
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
  }

  constructor(session: string, reason: EndReason | 'unknown' | 'closed') {
    super(reason === 'closed' ? 'The session store was closed.' : `The session is over: ${reason}.`)
    this.session = session
    this.reason = reason
  }
}

interface Watch {
  readonly controller: AbortController
  cancel: () => void
}

/** One abort signal for each session that somebody on this node wants to hear the end of. */
export class Signals {
  readonly #index: SessionIndex
  readonly #time: TrustedTime
  readonly #watches = new Map<SessionId, Watch>()
  #closed = false

  constructor(index: SessionIndex, time: TrustedTime) {
    this.#index = index
    this.#time = time
  }

  /** Aborts when the session ends on this node, for whatever reason; already aborted if it is not live. */
  signal(id: unknown): AbortSignal {
    if (!isSessionId(id)) return AbortSignal.abort(new SessionOver('', 'unknown'))
    if (this.#closed) return AbortSignal.abort(new SessionOver(id, 'closed'))
    const known = this.#watches.get(id)
    if (known !== undefined) return known.controller.signal
    const state = this.#index.state(id)
    if (state.status !== 'live') {
      return AbortSignal.abort(new SessionOver(id, state.status === 'ended' ? state.reason : 'unknown'))
    }
    const watch: Watch = { controller: new AbortController(), cancel: () => {} }
    this.#watches.set(id, watch)
    this.#index.watch(id, true)
    this.#awaitDeadline(id, watch)
    return watch.controller.signal
  }

  /** The index says that the session ended. */
  ended(id: SessionId, reason: EndReason): void {
    this.#abort(id, reason)
  }

  /** How many signals are waiting. */
  size(): number {
    return this.#watches.size
  }

  /** Takes over what somebody holds of another node's signals: from now on they abort when this node says so. */
  adopt(other: Signals): void {
    for (const [id, { controller, cancel }] of other.#watches) {
      cancel()
      const watch: Watch = { controller, cancel: () => {} }
      this.#watches.set(id, watch)
      this.#index.watch(id, true)
      this.#awaitDeadline(id, watch)
    }
    other.#watches.clear()
  }

  close(): void {
    this.#closed = true
    for (const id of [...this.#watches.keys()]) this.#abort(id, 'closed')
  }

  #awaitDeadline(id: SessionId, watch: Watch): void {
    const state = this.#index.state(id)
    if (state.status !== 'live') return this.#abort(id, state.status === 'ended' ? state.reason : 'unknown')
    const now = this.#time.now()
    const absolute = absoluteDeadline(state)
    const idle = idleDeadline(state)
    if (now >= absolute) return this.#abort(id, 'absolute')
    if (now >= idle) return this.#abort(id, 'idle')
    watch.cancel = this.#time.schedule(Math.min(absolute, idle) - now, () => this.#awaitDeadline(id, watch))
  }

  #abort(id: SessionId, reason: EndReason | 'unknown' | 'closed'): void {
    const watch = this.#watches.get(id)
    if (watch === undefined) return
    this.#watches.delete(id)
    // First of all: somebody waits for it.
    watch.controller.abort(SessionOver.of(id, reason))
    this.#index.watch(id, false)
    watch.cancel()
  }
}
