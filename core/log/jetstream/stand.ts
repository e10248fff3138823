import * as Effect from 'effect/Effect'
import type { Clock } from '../../clock.ts'
import { LogDamaged } from '../../errors.ts'
import { answerMsMax, type StreamInfo, streamInfo } from './api.ts'
import type { Link } from './link.ts'
import { behind } from './records.ts'
import type { Trouble } from './trouble.ts'

/**
 * A follower may deliver a message a moment before the leader has applied it, and before anybody was told that it
 * stands: the leader is asked again, ms.
 */
const momentMs = 500
const momentStepMs = 10

/** So long a server may know less than stood before, ms: a new leader has yet to apply what it holds. */
const laggingMsMax = 10_000
/** Between two times that it was seen to, ms. */
const laggingSeenMsMax = 3_000

/**
 * A follower that has heard from the leader waits at least 4 s before it stands for election. So while the leader has
 * heard from all of them in half that time, there is no other leader.
 */
const leaseMs = 2_000
/** A leader and its followers exchange something at least this often, ms. */
const contactMs = 1_000

/** The message that was delivered last: its number, and when the server took it, to the nanosecond. */
export interface Mark {
  readonly seq: number
  readonly stamp: string
}

/** What this node knows of the stream that is its log, so that another one, or an older copy, is not taken for it. */
export class Stand {
  readonly stream: string
  readonly #link: Link
  readonly #clock: Clock
  readonly #created: string
  #known = 0
  #mark: Mark | undefined
  #lagsSince: number | undefined
  #laggedAt = -Infinity
  #damage: LogDamaged | undefined

  constructor(stream: string, link: Link, clock: Clock, opened: StreamInfo) {
    this.stream = stream
    this.#link = link
    this.#clock = clock
    this.#created = opened.created
  }

  /** The number of a message that is known to stand. */
  know(seq: number): void {
    if (seq > this.#known) this.#known = seq
  }

  /** The highest number of a message that is known to stand. */
  known(): number {
    return this.#known
  }

  /** A message that came; returns the damage, if another one had come at its number before. */
  delivered(mark: Mark): LogDamaged | undefined {
    if (this.#mark?.seq === mark.seq && this.#mark.stamp !== mark.stamp) {
      return this.distrust(`has another message ${mark.seq} than it had: it was replaced by a copy`)
    }
    this.know(mark.seq)
    if (this.#mark === undefined || mark.seq > this.#mark.seq) this.#mark = mark
    return undefined
  }

  /** Whether the message with this number would be known again. */
  isMarked(seq: number): boolean {
    return this.#mark?.seq === seq
  }

  /** Why the stream can never again be the log of this node. */
  damage(): LogDamaged | undefined {
    return this.#damage
  }

  /** The stream is not the one that it was. Every reading from now on fails. */
  distrust(why: string): LogDamaged {
    this.#damage ??= new LogDamaged({
      position: behind(this.#mark?.seq ?? 0),
      message: `The stream ${this.stream} ${why}. Stop the nodes, restore the stream, or start them without what they know.`
    })
    return this.#damage
  }

  /** The state of the stream, where it is the one that it was and not behind what is known to stand. */
  readonly info: Effect.Effect<StreamInfo, Trouble | LogDamaged> = Effect.suspend(() => this.#info(momentMs))

  #info(patienceMs: number): Effect.Effect<StreamInfo, Trouble | LogDamaged> {
    return Effect.flatMap(streamInfo(this.#link, this.stream), (info): Effect.Effect<StreamInfo, Trouble | LogDamaged> => {
      if (this.#damage !== undefined) return Effect.fail(this.#damage)
      if (info.created !== this.#created) {
        return Effect.fail(this.distrust(`was made anew at ${info.created}; this node read the one of ${this.#created}`))
      }
      if (info.lastSeq < this.#known) {
        const problem = this.#lags(info.lastSeq)
        return patienceMs <= 0 || '_tag' in problem
          ? Effect.fail(problem)
          : Effect.delay(this.#info(patienceMs - momentStepMs), momentStepMs)
      }
      this.#lagsSince = undefined
      return Effect.succeed(info)
    })
  }

  #lags(lastSeq: number): Trouble | LogDamaged {
    const now = this.#clock.monotonic()
    // It has to be seen all the time: between two elections long apart there was none.
    if (now - this.#laggedAt > laggingSeenMsMax) this.#lagsSince = undefined
    this.#laggedAt = now
    this.#lagsSince ??= now
    const what = `ends at message ${lastSeq}, though message ${this.#known} stood there`
    if (now - this.#lagsSince >= laggingMsMax) return this.distrust(`${what}: it was replaced by an older copy`)
    return { kind: 'doubtful', message: `The stream ${this.stream} ${what}: its leader is behind, or it was replaced.` }
  }

  /**
   * The same from a leader that cannot have been replaced by another one when this was asked: it answers for as much as
   * 20 s after it was cut off from its followers, and knows nothing then of what they take from another.
   */
  readonly head: Effect.Effect<StreamInfo, Trouble | LogDamaged> = Effect.suspend(() => this.#head(this.#clock.monotonic()))

  #head(asked: number): Effect.Effect<StreamInfo, Trouble | LogDamaged> {
    return Effect.suspend(() => {
      const sent = this.#clock.monotonic()
      return Effect.flatMap(this.info, (info): Effect.Effect<StreamInfo, Trouble | LogDamaged> => {
        const heard = info.followers.map(({ heardMsAgo }) => heardMsAgo).sort((a, b) => a - b)
        // With a follower away, those left must have been heard from since: of them and the leader there is a majority.
        const others = Math.ceil(heard.length / 2)
        if (heard.every((ms) => ms <= leaseMs) || heard[others - 1]! <= sent - asked) {
          this.know(info.lastSeq)
          return Effect.succeed(info)
        }
        if (sent - asked >= answerMsMax) return Effect.fail(cutOff(this.stream))
        const next = Math.min(Math.max(contactMs - heard[others - 1]!, contactMs / 20), contactMs)
        return Effect.delay(this.#head(asked), next)
      })
    })
  }
}

const cutOff = (stream: string): Trouble => ({
  kind: 'doubtful',
  message: `The leader of the stream ${stream} is not in touch with a majority of the servers that hold it. `
    + 'Look at: nats stream report'
})
