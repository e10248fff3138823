import { Worker } from 'node:worker_threads'
import * as Effect from 'effect/Effect'
import type { Clock } from '../../clock.ts'
import { LogUnavailable } from '../../errors.ts'
import { failure, type Failure } from './classify.ts'
import type { FromWriter, ToWriter, WriterData } from './messages.ts'

/** How long closing waits for the writer's thread to finish what it was given, ms. */
export const closeMsMax = 5_000

interface Pending {
  readonly bodies: readonly string[]
  /** Told the number of its first record. Nobody listens any more where the append was interrupted. */
  resume: (result: Effect.Effect<number, LogUnavailable>) => void
}

interface Listeners {
  /** Something of this node's own has come to stand. Called before those who appended it are answered. */
  readonly onCommitted: () => void
}

/**
 * This node's end of the writer's thread. Appends of one tick cross in one message; what arrives there while a commit
 * runs shares the next. The thread does not keep the process alive but while something is to be answered, and one that
 * died is replaced with the next append.
 */
export class Appender {
  readonly #path: string
  readonly #clock: Clock
  readonly #listeners: Listeners
  #worker: Worker | undefined
  #unsent: Pending[] = []
  #sent: Pending[] = []
  #failure: Failure | undefined

  constructor(path: string, clock: Clock, listeners: Listeners) {
    this.#path = path
    this.#clock = clock
    this.#listeners = listeners
  }

  /** Starts the thread and opens the file. */
  open(): Effect.Effect<void, Failure> {
    return Effect.callback((resume) => {
      this.#start((problem) => resume(problem === undefined ? Effect.void : Effect.fail(problem)))
    })
  }

  /** Commits the texts as records that follow each other; succeeds with the number of the first. */
  append(bodies: readonly string[]): Effect.Effect<number, LogUnavailable> {
    return Effect.callback((resume) => {
      const pending: Pending = { bodies, resume }
      if (this.#unsent.push(pending) === 1) queueMicrotask(() => this.#send())
      return Effect.sync(() => { pending.resume = ignore })
    })
  }

  /** Appends that have no answer yet. */
  waiting(): number {
    return this.#unsent.length + this.#sent.length
  }

  /** The last failure, until an append succeeds again. */
  failure(): Failure | undefined {
    return this.#failure
  }

  /** Waits for what was sent, and for the thread to end. */
  close(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const worker = this.#worker
      if (worker === undefined) return resume(Effect.void)
      const cancel = this.#clock.schedule(closeMsMax, () => void worker.terminate())
      worker.ref()
      worker.once('exit', () => {
        cancel()
        resume(Effect.void)
      })
      this.#send()
      worker.postMessage({ kind: 'close' } satisfies ToWriter)
    })
  }

  #start(onOpened: (problem: Failure | undefined) => void): Worker {
    const worker = new Worker(writerFile, {
      name: 'curfew log', workerData: { path: this.#path } satisfies WriterData, execArgv: []
    })
    let crash = 'it ended by itself'
    worker.on('message', (message: FromWriter) => {
      if (message.kind === 'opened') this.#settleRef()
      if (message.kind === 'opened') onOpened(undefined)
      else if (message.kind === 'refused') this.#refused(message.failure, onOpened)
      else this.#answered(message)
    })
    worker.on('error', (error: unknown) => { crash = error instanceof Error ? error.message : String(error) })
    worker.on('exit', () => {
      this.#worker = undefined
      const problem = failure(this.#path, 'other', 'CURFEW', `the thread that writes it failed: ${crash}`)
      if (this.#sent.length > 0) this.#answered({ kind: 'failed', appends: this.#sent.length, failure: problem })
      onOpened(problem)
    })
    this.#worker = worker
    return worker
  }

  #refused(problem: Failure, onOpened: (problem: Failure) => void): void {
    if (this.#sent.length > 0) this.#answered({ kind: 'failed', appends: this.#sent.length, failure: problem })
    onOpened(problem)
  }

  #send(): void {
    if (this.#unsent.length === 0) return
    const worker = this.#worker ?? this.#start(ignore)
    const bodies = this.#unsent.flatMap((pending) => pending.bodies)
    const counts = this.#unsent.map((pending) => pending.bodies.length)
    this.#sent = this.#sent.concat(this.#unsent)
    this.#unsent = []
    worker.postMessage({ kind: 'append', bodies, counts } satisfies ToWriter)
    this.#settleRef()
  }

  #answered(answer: Extract<FromWriter, { readonly kind: 'committed' | 'failed' }>): void {
    const answered = this.#sent.splice(0, answer.appends)
    this.#settleRef()
    if (answer.kind === 'failed') {
      this.#failure = answer.failure
      const error = unavailable(answer.failure)
      for (const pending of answered) pending.resume(Effect.fail(error))
      return
    }
    this.#failure = undefined
    this.#listeners.onCommitted()
    let first = answer.first
    for (const pending of answered) {
      pending.resume(Effect.succeed(first))
      first += pending.bodies.length
    }
  }

  #settleRef(): void {
    if (this.#sent.length > 0) this.#worker?.ref()
    else this.#worker?.unref()
  }
}

const ignore = () => undefined

/** The file beside this one, as it stands: TypeScript in the sources, JavaScript in the package. */
const writerFile = import.meta.url.endsWith('.ts')
  ? new URL('./writer.ts', import.meta.url)
  : new URL('./writer.js', import.meta.url)

export const unavailable = (problem: Failure): LogUnavailable =>
  new LogUnavailable({ message: problem.message, cause: problem })
