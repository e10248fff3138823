import * as Effect from 'effect/Effect'
import * as Result from 'effect/Result'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Clock } from '../../clock.ts'
import type { DomainEvent } from '../../domain/events.ts'
import type { LogUnavailable } from '../../errors.ts'
import { sizeOf, type Message } from '../../kafka/api.ts'
import type { Brokers } from '../../kafka/brokers.ts'
import type { Trouble } from '../../kafka/trouble.ts'
import { encodeText } from '../codec.ts'
import type { Appended } from '../port.ts'
import { past, start } from '../position.ts'
import { Lane } from './lane.ts'
import { spread } from './records.ts'
import type { Stand } from './stand.ts'
import type { Topic } from './topic.ts'
import { closing, unavailable } from './unavailable.ts'

/** The most events of one append, and the most bytes: a broker reads so much at once. */
const eventsMax = 8_192
const bytesMax = 67_108_864

/** What an append puts into one partition. */
interface Part {
  readonly partition: number
  readonly messages: readonly Message[]
  readonly bytes: number
  readonly isPacked: boolean
}

const deflated = promisify(gzip)

/** The appends of this node. What an append puts into one partition is one batch, so it stands whole or not at all. */
export class Appends {
  readonly #topic: Topic
  readonly #lanes: readonly Lane[]
  #failure: string | null = null

  constructor(brokers: Brokers, stand: Stand, topic: Topic, clock: Clock) {
    this.#topic = topic
    this.#lanes = Array.from({ length: topic.partitions }, (_, partition) =>
      new Lane({ brokers, stand, clock, partition, bytesMax: topic.bytesMax }))
  }

  /** The last failure, until an append succeeds again. */
  failure(): string | null {
    return this.#failure
  }

  append(events: readonly DomainEvent[]): Effect.Effect<Appended, LogUnavailable> {
    if (events.length > eventsMax) throw new RangeError(`An append takes at most ${eventsMax} events.`)
    const parts = [...spread(events, events.map(encodeText), this.#topic.partitions)].map(([partition, messages]): Part => {
      const bytes = sizeOf(messages)
      return { partition, messages, bytes, isPacked: bytes > this.#topic.bytesMax }
    })
    return Effect.andThen(this.#measure(parts), this.#put(parts))
  }

  /** What is too large is refused before a part of it is put anywhere. */
  #measure(parts: readonly Part[]): Effect.Effect<void> {
    const tooLarge = (): Effect.Effect<never> => Effect.die(this.#tooLarge())
    return Effect.forEach(parts.filter(({ isPacked }) => isPacked), ({ messages, bytes }) => bytes > bytesMax
      ? tooLarge()
      : Effect.flatMap(
        Effect.promise(() => deflated(messages.map(({ value }) => value).join('\n'))),
        ({ length }) => length > this.#topic.bytesMax ? tooLarge() : Effect.void),
    { discard: true })
  }

  #tooLarge(): RangeError {
    return new RangeError(`The events of an append must fit into ${this.#topic.bytesMax} bytes (max.message.bytes), compressed.`)
  }

  #put(parts: readonly Part[]): Effect.Effect<Appended, LogUnavailable> {
    return Effect.callback((resume) => {
      let left = parts.length
      let end = start
      let trouble: Trouble | undefined
      const over = (): void => {
        if (--left > 0) return
        if (trouble === undefined) {
          this.#failure = null
          return resume(Effect.succeed({ position: end }))
        }
        this.#failure = trouble.message
        resume(trouble.kind === 'large' ? Effect.die(this.#tooLarge()) : Effect.fail(unavailable(trouble)))
      }
      for (const { partition, messages, bytes, isPacked } of parts) {
        this.#lanes[partition]!.put(messages, bytes, isPacked, (outcome) => {
          if (Result.isSuccess(outcome)) end = past(end, partition, outcome.success + messages.length - 1)
          else trouble ??= outcome.failure
          over()
        })
      }
    })
  }

  /** Whether an append has no answer yet. */
  isBusy(): boolean {
    return this.#lanes.some((lane) => lane.isBusy())
  }

  /** What has no answer gets none any more. */
  close(): void {
    for (const lane of this.#lanes) lane.close(closing)
  }
}
