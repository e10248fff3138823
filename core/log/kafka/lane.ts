import * as Effect from 'effect/Effect'
import * as Result from 'effect/Result'
import type { Clock } from '../../clock.ts'
import { type Message, produce } from '../../kafka/api.ts'
import type { Brokers } from '../../kafka/brokers.ts'
import type { Trouble } from '../../kafka/trouble.ts'
import { messageOf } from '../../message-of.ts'
import type { Stand } from './stand.ts'

/** An append is tried for so long, ms: less than what a write of the store may take by its default. */
const triedMsMax = 4_000
/** Between two attempts, ms. */
const retryMs = 50
/** The most events of one batch. */
const batchLengthMax = 8_192

/** What became of a put: the offset of its first event, or why it may not stand. */
export type Outcome = Result.Result<number, Trouble>

interface Job {
  readonly messages: readonly Message[]
  readonly bytes: number
  readonly isPacked: boolean
  readonly until: number
  readonly done: (outcome: Outcome) => void
}

/** What a lane works by. */
export interface LaneParts {
  readonly brokers: Brokers
  readonly stand: Stand
  readonly clock: Clock
  readonly partition: number
  /** What the topic takes at once. */
  readonly bytesMax: number
}

/**
 * The way into one partition. One batch is on its way at a time, so that appends stand in the order in which they came,
 * and what comes meanwhile makes the next one. A batch whose outcome is not known is sent again with the same command
 * ids: it may then stand twice, and the fold takes the first.
 */
export class Lane {
  readonly #parts: LaneParts
  readonly #waiting: Job[] = []
  #sent: Job[] = []
  /** So many of those that wait are sent one by one: together they were too large. */
  #apart = 0
  #isRunning = false
  #closed: Trouble | undefined

  constructor(parts: LaneParts) {
    this.#parts = parts
  }

  put(messages: readonly Message[], bytes: number, isPacked: boolean, done: (outcome: Outcome) => void): void {
    if (this.#closed !== undefined) return done(Result.fail(this.#closed))
    this.#waiting.push({ messages, bytes, isPacked, until: this.#parts.clock.monotonic() + triedMsMax, done })
    if (!this.#isRunning) this.#run()
  }

  #run(): void {
    this.#isRunning = true
    // Not at once, so that appends of the same moment share a batch.
    Effect.runFork(Effect.andThen(Effect.yieldNow, Effect.suspend(() => this.#send())).pipe(
      Effect.catchDefect((defect) => Effect.sync(() => this.#died(defect))),
      Effect.andThen(Effect.sync(() => {
        this.#isRunning = false
        if (this.#waiting.length > 0) this.#run()
      }))))
  }

  /** Nobody is left waiting, and the next batch is tried. */
  #died(defect: unknown): void {
    const trouble: Trouble = { kind: 'doubtful', message: `The append failed in a way that was not foreseen: ${messageOf(defect)}` }
    for (const job of this.#sent.splice(0)) job.done(Result.fail(trouble))
  }

  isBusy(): boolean {
    return this.#isRunning
  }

  /** As many as fit into one batch. */
  #take(): Job[] {
    const [first] = this.#waiting
    if (first === undefined) return []
    if (this.#apart > 0) {
      this.#apart--
      return this.#waiting.splice(0, 1)
    }
    let [count, bytes, length] = [1, first.bytes, first.messages.length]
    for (const { bytes: more, messages, isPacked } of this.#waiting.slice(1)) {
      if (first.isPacked || isPacked || bytes + more > this.#parts.bytesMax || length + messages.length > batchLengthMax) break
      count++
      bytes += more
      length += messages.length
    }
    return this.#waiting.splice(0, count)
  }

  #send(): Effect.Effect<void> {
    const jobs = this.#take()
    if (jobs.length === 0) return Effect.void
    this.#sent = jobs
    const { brokers, stand, clock, partition } = this.#parts
    const stood = stand.known(partition)
    const messages = jobs.flatMap((job) => job.messages)
    return brokers.leader('append', partition).pipe(
      Effect.flatMap((wire) => produce(wire, stand.topic, partition, messages, jobs[0]!.isPacked)),
      Effect.flatMap((base) => this.#check(base, stood)),
      Effect.matchEffect({
        onSuccess: (base) => Effect.sync(() => {
          stand.know(partition, base + messages.length)
          let offset = base
          for (const job of jobs) {
            job.done(Result.succeed(offset))
            offset += job.messages.length
          }
        }),
        onFailure: (trouble) => {
          if (trouble.kind === 'large' && jobs.length > 1) {
            this.#waiting.unshift(...jobs)
            this.#apart = jobs.length
            return Effect.void
          }
          const now = clock.monotonic()
          const isFinal = this.#closed !== undefined || !mayPass(trouble)
          const over = (job: Job): boolean => isFinal || job.until <= now
          for (const job of jobs.filter(over)) job.done(Result.fail(trouble))
          this.#waiting.unshift(...jobs.filter((job) => !over(job)))
          return this.#waiting.length === 0 ? Effect.void : Effect.delay(Effect.ignore(brokers.refresh), retryMs)
        }
      }),
      Effect.tap(() => Effect.sync(() => { this.#sent = [] })))
  }

  /** A new record whose offset was taken when it was sent is in another topic than the one that this node has read. */
  #check(base: number, stood: number): Effect.Effect<number, Trouble> {
    if (base >= stood) return Effect.succeed(base)
    const { stand, partition } = this.#parts
    const { message } = stand.distrust(`has put an append at ${base} of partition ${partition}, where ${stood} records stood: `
      + 'it lost them, by an unclean election, or was made anew')
    return Effect.fail({ kind: 'refused', message })
  }

  /** What has no answer yet gets none any more. */
  close(trouble: Trouble): void {
    this.#closed = trouble
    for (const job of [...this.#sent, ...this.#waiting.splice(0)]) job.done(Result.fail(trouble))
  }
}

const mayPass = ({ kind }: Trouble): boolean => kind !== 'refused' && kind !== 'large'
