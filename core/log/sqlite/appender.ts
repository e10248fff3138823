import { Worker } from 'node:worker_threads'
import * as Effect from 'effect/Effect'
import type { Clock } from '../../clock.ts'
import type { LogUnavailable } from '../../errors.ts'
import type { DomainEvent } from '../../domain/events.ts'
import { decodeText, type Unreadable } from '../codec.ts'
import { failure, failureOf, type Failure } from './classify.ts'
import type { Opening } from './commits.ts'
import { moved, type FileIdentity } from './format.ts'
import { batchLengthMax } from '../follow.ts'
import { closed, unavailable } from './problem.ts'
import { closeRequest, packAppends, type Committed, type FromWriter, type WriterData } from './messages.ts'

/** How long closing waits for the writer's thread to finish what it was given, ms. */
export const closeMsMax = 5_000

/** Records that this node has just committed, the first of them as number `first`. */
export interface Own {
  readonly first: number
  readonly records: readonly OwnRecord[]
}
export interface OwnRecord {
  readonly body: string
  /** As every node will read it, if it was decoded while the disk was working. */
  readonly event: DomainEvent | Unreadable | undefined
}

interface Pending {
  readonly bodies: readonly string[]
  records: readonly OwnRecord[]
  /** Told the number of its first record. Nobody listens any more where the append was interrupted. */
  resume: (result: Effect.Effect<number, LogUnavailable>) => void
}

/**
 * This node's end of the writer's thread. Appends of one tick cross in one message; what arrives there while a commit
 * runs shares the next. The thread does not keep the process alive but while something is to be answered, and one that
 * died is replaced with the next append.
 */
export class Appender {
  readonly #path: string
  readonly #clock: Clock
  readonly #onCommitted: (own: Own | undefined) => void
  #worker: Worker | undefined
  #unsent: Pending[] = []
  #sent: Pending[] = []
  #failure: Failure | undefined
  #file: FileIdentity | undefined
  #moved: Failure | undefined
  #closed = false

  /** `onCommitted` is told when something of this node's own has come to stand; what, if it fits a batch. */
  constructor(path: string, clock: Clock, onCommitted: (own: Own | undefined) => void) {
    this.#path = path
    this.#clock = clock
    this.#onCommitted = onCommitted
  }

  /** Starts the thread and opens the file; says which it is. */
  open(): Effect.Effect<FileIdentity, Failure> {
    return Effect.callback((resume) => {
      this.#start((opening) => resume(opening.kind === 'opened' ? Effect.succeed(opening.file) : Effect.fail(opening.failure)))
    })
  }

  /** Commits the texts as records that follow each other; succeeds with the number of the first. */
  append(bodies: readonly string[]): Effect.Effect<number, LogUnavailable> {
    return Effect.callback((resume) => {
      const pending: Pending = { bodies, records: [], resume }
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
      this.#closed = true
      this.#send()
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
    const workerData: WriterData = { path: this.#path, file: this.#file }
    const worker = new Worker(writerFile, { name: 'curfew log', workerData, execArgv: [] })
    let problem = failure(this.#path, 'other', 'CURFEW', 'the thread that writes it ended')
    worker.on('message', (message: FromWriter) => {
      if (!('kind' in message)) return this.#committed(message)
      if (message.kind === 'failed') return this.#failed(message.appends, message.failure)
      if (message.kind === 'opened') this.#file = message.file
      else problem = message.failure
      this.#settleRef()
      onOpened(message)
    })
    worker.on('error', (error: unknown) => { problem = failureOf(this.#path, error) })
    worker.on('exit', () => {
      this.#worker = undefined
      this.#failed(this.#sent.length, problem)
      onOpened({ kind: 'refused', failure: problem })
    })
    this.#worker = worker
    return worker
  }

  #send(): void {
    if (this.#unsent.length === 0) return
    const unsent = this.#unsent
    this.#unsent = []
    this.#sent = this.#sent.concat(unsent)
    const worker = this.#worker ?? (this.#closed ? undefined : this.#start(ignore))
    if (worker === undefined) return this.#failed(unsent.length, closed(this.#path))
    worker.postMessage(packAppends(unsent.map((pending) => pending.bodies)))
    this.#settleRef()
    // While the disk works: an append to a file that no longer stands at its path would be gone with the next start.
    this.#moved = this.#file === undefined ? undefined : moved(this.#path, this.#file)
    const early = unsent.length <= earlyAppendsMax
    for (const pending of unsent) {
      const decoded = early && pending.bodies.length <= earlyRecordsMax
      pending.records = pending.bodies.map((body) => ({ body, event: decoded ? decodeText(body) : undefined }))
    }
  }

  #failed(appends: number, problem: Failure): void {
    if (appends === 0) return
    this.#failure = problem
    const answered = this.#sent.splice(0, appends)
    this.#settleRef()
    const error = unavailable(problem)
    for (const pending of answered) pending.resume(Effect.fail(error))
  }

  #committed([appends, first]: Committed): void {
    if (this.#moved !== undefined) return this.#failed(appends, this.#moved)
    this.#failure = undefined
    const answered = this.#sent.splice(0, appends)
    this.#settleRef()
    let next = first
    for (const pending of answered) {
      pending.resume(Effect.succeed(next))
      next += pending.bodies.length
    }
    const few = next - first <= batchLengthMax
    this.#onCommitted(few ? { first, records: answered.flatMap((pending) => pending.records) } : undefined)
  }

  #settleRef(): void {
    if (this.#sent.length > 0) this.#worker?.ref()
    else this.#worker?.unref()
  }
}

const ignore = () => undefined

/**
 * While the disk works on few appends this thread has nothing better to do than to read what it wrote, as it will have
 * to when they stand. With many it has.
 */
const earlyAppendsMax = 8
const earlyRecordsMax = 16

/** The file beside this one, as it stands: TypeScript in the sources, JavaScript in the package. */
const writerFile = import.meta.url.endsWith('.ts')
  ? new URL('./writer.ts', import.meta.url)
  : new URL('./writer.js', import.meta.url)
