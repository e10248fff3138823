import { Worker } from 'node:worker_threads'
import * as Effect from 'effect/Effect'
import type { KeyObject } from 'node:crypto'
import type { Clock } from '../../clock.ts'
import { failure, failureOf, type Failure } from './classify.ts'
import type { FileIdentity } from './format.ts'
import {
  closeRequest, type Committed, type Failed, type FromThread, type Opening, type PageRead, type PruneDone,
  type ThreadData, type ToThread
} from './messages.ts'

/** What it makes does not live long: more of a nursery would only be more memory, 10 MB of it after a replay. */
const resourceLimits = { maxYoungGenerationSizeMb: 2 }

/** How long closing waits for the thread to finish what it was given, ms. */
export const closeMsMax = 5_000

/** Who asks the thread, and is told what it answers. */
export interface ThreadUser {
  readonly onCommitted: (committed: Committed) => void
  readonly onFailed: (failed: Failed) => void
  readonly onPage: (page: PageRead) => void
  readonly onPruned: (done: PruneDone) => void
  /** The thread is gone: what it has not answered by now it never will. */
  readonly onLost: (problem: Failure) => void
}

/**
 * This node's end of the log's thread. It does not keep the process alive but where it is told that answers are
 * awaited, and when it dies, the next message starts another.
 */
export class LogThread {
  readonly #path: string
  readonly #clock: Clock
  readonly #key: KeyObject | undefined
  readonly #user: ThreadUser
  #worker: Worker | undefined
  #file: FileIdentity | undefined
  #awaited = false
  #closed = false

  constructor(path: string, clock: Clock, key: KeyObject | undefined, user: ThreadUser) {
    this.#path = path
    this.#key = key
    this.#clock = clock
    this.#user = user
  }

  /** Starts it and opens the file; says which file it is. */
  open(): Effect.Effect<FileIdentity, Failure> {
    return Effect.callback((resume) => {
      this.#start((opening) =>
        resume(opening.kind === 'opened' ? Effect.succeed(opening.file) : Effect.fail(opening.failure)))
    })
  }

  /** The file that is open. */
  file(): FileIdentity | undefined {
    return this.#file
  }

  /** Sends, whatever becomes of it, or returns false: it was closed. */
  post(message: ToThread): boolean {
    const worker = this.#worker ?? (this.#closed ? undefined : this.#start(() => undefined))
    worker?.postMessage(message)
    return worker !== undefined
  }

  /** Whether the process must not end before it answers. */
  hold(awaited: boolean): void {
    this.#awaited = awaited
    // Its end is awaited too: an answer that comes while it closes must not let the process go before it has ended.
    if (awaited || this.#closed) this.#worker?.ref()
    else this.#worker?.unref()
  }

  /** Takes no more messages, answers those it has, and ends. */
  close(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.#closed = true
      const worker = this.#worker
      if (worker === undefined) return resume(Effect.void)
      const cancel = this.#clock.schedule(closeMsMax, () => void worker.terminate())
      worker.ref()
      worker.once('exit', () => {
        cancel()
        resume(Effect.void)
      })
      worker.postMessage(closeRequest)
    })
  }

  #start(onOpened: (opening: Opening) => void): Worker {
    const workerData: ThreadData = { path: this.#path, file: this.#file, key: this.#key }
    const worker = new Worker(workerFile, { name: 'curfew log', workerData, execArgv: [], resourceLimits })
    let problem = failure(this.#path, 'other', 'CURFEW', 'the thread that writes it ended')
    worker.on('message', (message: FromThread) => {
      if (!('kind' in message)) return this.#user.onCommitted(message)
      switch (message.kind) {
        case 'failed': return this.#user.onFailed(message)
        case 'page': return this.#user.onPage(message)
        case 'pruned': case 'not-pruned': return this.#user.onPruned(message)
        case 'opened': this.#file = message.file; break
        case 'refused': problem = message.failure
      }
      this.hold(this.#awaited)
      onOpened(message)
    })
    worker.on('error', (error: unknown) => { problem = failureOf(this.#path, error) })
    worker.on('exit', () => {
      this.#worker = undefined
      this.#user.onLost(problem)
      onOpened({ kind: 'refused', failure: problem })
    })
    this.#worker = worker
    return worker
  }
}

/** The file beside this one, as it stands: TypeScript in the sources, JavaScript in the package. */
const workerFile = import.meta.url.endsWith('.ts')
  ? new URL('./worker.ts', import.meta.url)
  : new URL('./worker.js', import.meta.url)
