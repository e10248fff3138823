import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import type { Clock } from '../../clock.ts'
import { LogDamaged, type LogUnavailable } from '../../errors.ts'
import { messageOf } from '../../message-of.ts'
import type { NatsMessage } from '../../nats/connection.ts'
import { Bell } from '../bell.ts'
import type { Page } from '../follow.ts'
import { batchLengthMax } from '../limits.ts'
import type { StoredEvent } from '../port.ts'
import type { Position } from '../position.ts'
import { createConsumer, deleteConsumer, heartbeatMs } from './api.ts'
import type { Delivery, Link } from './link.ts'
import { behind, firstBehind, messagesBefore, messagesNeeded, recordAt, unpack } from './records.ts'
import type { Stand } from './stand.ts'
import { type Trouble, unavailable } from './trouble.ts'

/** A consumer that gives no sign of life for so long is gone, ms. */
const silentMsMax = 2.5 * heartbeatMs
/** One that has not delivered for so long what is known to stand reads from a server that is behind, ms. */
const behindMsMax = 2_000
const watchEveryMs = heartbeatMs / 2
/** Between two attempts to have it delivered, ms. */
const retryMs = 250
/** A reading that gets nothing for so long gives up, ms. */
const readingMsMax = 10_000
/** More than so many bytes that nobody has taken are not asked for. */
const waitingBytesMax = 4_194_304
/** So many messages are kept at most once they were taken. */
const takenMax = 1_024
const statusMessage = 100

/** A message that was delivered and is not taken yet. */
interface Raw {
  readonly seq: number
  readonly data: Uint8Array
}

/** A message of which some records are taken. */
interface Opened {
  readonly seq: number
  readonly texts: readonly string[]
  next: number
}

/** What a feed reads by. */
export interface FeedParts {
  readonly link: Link
  readonly stand: Stand
  readonly clock: Clock
  /** Told why nothing comes, and null when it does again. */
  readonly onTrouble: (trouble: Trouble | null) => void
}

/**
 * The messages of the stream behind a place, in order: catching up and living on are one. JetStream pushes them, as fast
 * as they are taken, to a consumer that lives in the memory of one server. Where it is silent, misses a message or lags,
 * another one goes on behind the last message that was good, and begins with that, to see that it is still the same.
 */
export class Feed {
  readonly bell = new Bell()
  readonly #parts: FeedParts
  readonly #from: Position
  readonly #last: number
  /** The number of the next message to come. */
  #next: number
  /** What has aged by now was not missed by one that reads from the start. It has lived on once it reached the end. */
  #mayAge: boolean
  /** Where the stream ended when this consumer was made. */
  #end = 0
  #waiting: Raw[] = []
  #taken = 0
  #waitingBytes = 0
  #opened: Opened | undefined
  #delivery: Delivery | undefined
  #owedTo: string | undefined
  #over: () => void = () => undefined
  /** The message before the next is to come once more. */
  #again = false
  /** Behind which message one was missed before. */
  #missed = 0
  #heardAt = 0
  /** When something was taken last, or could have been. */
  #movedAt: number
  /** When nothing that is known to stand was yet to come. */
  #wantedAt: number
  #finished = false
  #damage: LogDamaged | undefined
  #failure: LogUnavailable | undefined
  #trouble: Trouble | undefined

  /** `last`: the number of the message with which the reading ends; Infinity: it does not. */
  constructor(parts: FeedParts, from: Position, last: number) {
    this.#parts = parts
    this.#from = from
    this.#last = last
    this.#next = messagesBefore(from) + 1
    this.#mayAge = (from[0] ?? 0) === 0
    this.#movedAt = this.#wantedAt = parts.clock.monotonic()
  }

  /** Has messages come until the scope closes. */
  readonly run: Effect.Effect<void, never, Scope.Scope> = Effect.suspend(() => {
    const unwatch = this.#watch()
    const session = Effect.scoped(this.#session()).pipe(Effect.catch((problem) => Effect.sync(() => {
      if (problem instanceof LogDamaged) this.#fail(problem)
      else this.#troubled(problem)
    })), Effect.catchDefect((defect) => Effect.sync(() => {
      this.#troubled({ kind: 'doubtful', message: `The delivery failed in a way that was not foreseen: ${messageOf(defect)}` })
    })), Effect.andThen(Effect.suspend(() => Effect.sleep(this.#trouble === undefined ? 0 : retryMs))))
    return Effect.asVoid(Effect.forkScoped(Effect.ensuring(
      Effect.repeat(session, { until: () => this.#finished || this.#damage !== undefined || this.#failure !== undefined }),
      Effect.sync(unwatch)), { startImmediately: true }))
  })

  /** The records that have come, as many as make a batch. */
  take(): Effect.Effect<Page<null>, LogUnavailable> {
    return Effect.suspend((): Effect.Effect<Page<null>, LogUnavailable> => {
      const records: StoredEvent[] = []
      while (records.length < batchLengthMax && this.#takeMore(records)) { /* As many as there are. */ }
      this.#pay()
      const more = this.#hasMore()
      const damaged = more ? undefined : this.#damage
      if (damaged !== undefined) return Effect.succeed({ records, next: null, more: false, damaged })
      return records.length === 0 && !more && this.#failure !== undefined
        ? Effect.fail(this.#failure)
        : Effect.succeed({ records, next: null, more, damaged: null })
    })
  }

  /** The same, once there are any: no records mean that the reading has come to its end. */
  readonly takeSome: Effect.Effect<Page<null>, LogUnavailable> = Effect.suspend(() => {
    const heard = this.bell.count()
    return Effect.flatMap(this.take(), (page) => {
      const ended = this.#finished && !this.#hasMore()
      return page.records.length > 0 || page.damaged !== null || ended
        ? Effect.succeed({ ...page, more: !ended })
        : Effect.andThen(this.bell.after(heard), this.takeSome)
    })
  })

  #hasMore(): boolean {
    return this.#opened !== undefined || this.#taken < this.#waiting.length
  }

  #takeMore(records: StoredEvent[]): boolean {
    const opened = this.#opened ?? this.#open()
    if (opened === undefined) return false
    const { seq, texts } = opened
    const end = Math.min(texts.length, opened.next + batchLengthMax - records.length)
    while (opened.next < end) records.push(recordAt(seq, texts.length, opened.next, texts[opened.next++]!))
    this.#opened = end < texts.length ? opened : undefined
    return true
  }

  #open(): Opened | undefined {
    const raw = this.#waiting[this.#taken]
    if (raw === undefined) return undefined
    this.#taken++
    // What was taken is let go of, though more always waits.
    if (this.#taken === this.#waiting.length || this.#taken === takenMax) {
      this.#waiting = this.#waiting.slice(this.#taken)
      this.#taken = 0
    }
    this.#waitingBytes -= raw.data.length
    this.#movedAt = this.#wantedAt = this.#parts.clock.monotonic()
    const texts = unpack(raw.data)
    return { seq: raw.seq, texts, next: firstBehind(raw.seq, texts.length, this.#from) }
  }

  /** One consumer, from its making to its end. */
  #session(): Effect.Effect<void, Trouble | LogDamaged, Scope.Scope> {
    const { link, stand } = this.#parts
    return Effect.gen({ self: this }, function*() {
      const info = yield* stand.info
      if (info.lastSeq < messagesNeeded(this.#from)) return yield* Effect.fail(this.#beyond(info.lastSeq))
      if (info.firstSeq > this.#next) {
        if (!this.#mayAge) return yield* Effect.fail(this.#missing(info.firstSeq))
        this.#next = info.firstSeq
      }
      this.#end = info.lastSeq
      if (this.#next > this.#last) return this.#finish()
      this.#again = this.#next > info.firstSeq && stand.isMarked(this.#next - 1)
      const first = this.#again ? this.#next - 1 : this.#next
      const ended = Promise.withResolvers<void>()
      this.#over = ended.resolve
      const delivery = yield* Effect.acquireRelease(
        Effect.sync(() => link.receive((message) => this.#receive(message), (reason) => this.#break(reason))),
        (delivery) => Effect.sync(() => { if ('stop' in delivery) delivery.stop() }))
      if (!('stop' in delivery)) return yield* Effect.fail(delivery)
      this.#delivery = delivery
      this.#owedTo = undefined
      this.#heardAt = this.#parts.clock.monotonic()
      const name = yield* createConsumer(link, stand.stream, delivery.subject, first)
      yield* Effect.addFinalizer(() => Effect.sync(() => { Effect.runFork(deleteConsumer(link, stand.stream, name)) }))
      yield* Effect.promise(() => ended.promise)
      if (this.#damage !== undefined) return yield* Effect.fail(this.#damage)
    }).pipe(Effect.ensuring(Effect.sync(() => { this.#delivery = undefined })))
  }

  #receive(message: NatsMessage): void {
    if (message.data.length === 0 && message.headers?.code === statusMessage) return this.#sign(message)
    this.#heardAt = this.#parts.clock.monotonic()
    const { seq, stamp } = standingOf(message.reply ?? '')
    if (seq === this.#next - 1 && this.#again) {
      this.#again = false
      const changed = this.#parts.stand.delivered({ seq, stamp })
      return changed === undefined ? undefined : this.#fail(changed)
    }
    if (seq !== this.#next) return this.#miss(seq)
    const changed = this.#parts.stand.delivered({ seq, stamp })
    if (changed !== undefined) return this.#fail(changed)
    this.#next++
    this.#settled()
    if (seq <= this.#last) {
      this.#waiting.push({ seq, data: message.data })
      this.#waitingBytes += message.data.length
    }
    if (seq >= this.#last) this.#finish()
    else if (this.#waiting.length - this.#taken === 1) this.bell.ring()
  }

  /**
   * A message that is not the next one. What should have come was lost on its way, or has aged since: then another
   * consumer delivers it, or the state of the stream says so. Where it does not come again, it is gone.
   */
  #miss(seq: number): void {
    if (seq > this.#next && this.#missed === this.#next) this.#fail(this.#missing(seq))
    else this.#break(`message ${this.#next} did not come`)
    this.#missed = this.#next
  }

  /** A sign of life, or the question whether more may come. */
  #sign(message: NatsMessage): void {
    this.#heardAt = this.#parts.clock.monotonic()
    this.#settled()
    const { headers, reply = '' } = message
    const asked = reply === '' ? headers?.get('Nats-Consumer-Stalled') ?? '' : reply
    if (asked !== '') {
      this.#owedTo = asked
      return this.#pay()
    }
    if (this.#next > this.#end) this.#mayAge = false
    const delivered = Number(headers?.get('Nats-Last-Stream') ?? '')
    if (delivered >= this.#next) this.#break(`message ${this.#next} did not come`)
  }

  /** Lets more come, once most of what came was taken. */
  #pay(): void {
    if (this.#owedTo === undefined || this.#waitingBytes > waitingBytesMax) return
    this.#parts.link.tell(this.#owedTo)
    this.#owedTo = undefined
  }

  #settled(): void {
    if (this.#trouble === undefined) return
    this.#trouble = undefined
    this.#parts.onTrouble(null)
  }

  #troubled(trouble: Trouble): void {
    this.#trouble = trouble
    this.#parts.onTrouble(trouble)
  }

  /** This consumer is of no use any more. */
  #break(why: string): void {
    this.#troubled({ kind: 'silent', message: `The delivery of the stream ${this.#parts.stand.stream} was begun anew: ${why}.` })
    this.#delivery?.stop()
    this.#over()
  }

  #fail(damage: LogDamaged): void {
    this.#damage = damage
    this.#delivery?.stop()
    this.#over()
    this.bell.ring()
  }

  /** All that was to be read has come, or has aged. */
  #finish(): void {
    this.#finished = true
    this.#delivery?.stop()
    this.#over()
    this.bell.ring()
  }

  /** Wakes a feed whose connection changed, or whose log was closed. */
  changed(closed: LogUnavailable | undefined): void {
    if (closed !== undefined) {
      this.#failure = closed
      this.bell.ring()
      this.#over()
    } else if (this.#delivery !== undefined) this.#break('the connection was lost')
  }

  /** Sees to it that neither a reader nor a feed waits for what does not come. */
  #watch(): () => void {
    const { clock, stand } = this.#parts
    let callOff = (): void => undefined
    const look = (): void => {
      callOff = clock.schedule(watchEveryMs, look)
      const now = clock.monotonic()
      if (this.#waitingBytes > 0) this.#movedAt = now
      if (this.#waitingBytes > 0 || stand.known() < this.#next) this.#wantedAt = now
      if (this.#last !== Infinity && now - this.#movedAt > readingMsMax) this.#giveUp()
      if (this.#delivery === undefined) return
      if (now - this.#heardAt > silentMsMax) this.#break('it gave no sign of life')
      else if (now - this.#wantedAt > behindMsMax) {
        this.#wantedAt = now
        this.#break(`message ${this.#next} stands and did not come`)
      }
    }
    look()
    return () => callOff()
  }

  #giveUp(): void {
    this.#failure = unavailable(this.#trouble ?? { kind: 'silent', message: 'JetStream delivers nothing.' })
    this.bell.ring()
    this.#over()
  }

  #beyond(lastSeq: number): LogDamaged {
    return new LogDamaged({
      position: behind(lastSeq),
      message: `The stream ${this.#parts.stand.stream} ends at message ${lastSeq}, and the position lies behind that: it is `
        + 'of another log, or this one was replaced by an older copy. Start the node without its snapshot.'
    })
  }

  #missing(firstSeq: number): LogDamaged {
    return new LogDamaged({
      position: behind(this.#next - 1),
      message: `Messages ${this.#next} to ${firstSeq - 1} of the stream ${this.#parts.stand.stream} are gone: they aged `
        + '(option retention) before this node took them, or were removed. Start the node anew, without its snapshot.'
    })
  }
}

const ackTokens = 9

/** What the server says of a message in the subject for its acknowledgement, whose newer form names two things more. */
const standingOf = (reply: string): { readonly seq: number; readonly stamp: string } => {
  const tokens = reply.split('.')
  const shift = tokens.length > ackTokens ? 2 : 0
  return { seq: Number(tokens[5 + shift]), stamp: tokens[7 + shift] ?? '' }
}
