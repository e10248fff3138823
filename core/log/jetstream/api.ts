import * as Effect from 'effect/Effect'
import { messageOf } from '../../message-of.ts'
import type { NatsMessage } from '../../nats/connection.ts'
import type { Link } from './link.ts'
import type { Trouble } from './trouble.ts'

/** What JetStream may take to answer, ms. A write that got no answer by then is tried again. */
export const answerMsMax = 2_000

/** What the leader of a stream says of it. */
export interface StreamInfo {
  /** When it was made: one that is made anew has another. */
  readonly created: string
  readonly config: StreamConfig
  readonly messages: number
  readonly firstSeq: number
  readonly lastSeq: number
  readonly leader: string | null
  /** Its followers, and how long ago the leader has heard from each, ms. */
  readonly followers: readonly { readonly name: string; readonly heardMsAgo: number }[]
}

/** As the server writes it: with underscores, times in nanoseconds. */
export type StreamConfig = Readonly<Record<string, unknown>>

type Fields = { readonly [name: string]: unknown }
const fieldsOf = (value: unknown): Fields => typeof value === 'object' && value !== null ? value as Fields : {}
const numberOf = (value: unknown): number => typeof value === 'number' ? value : 0

const noResponders = 503
const nanosecondsPerMs = 1e6

const parse = (message: NatsMessage): Effect.Effect<Fields, Trouble> => {
  if (message.data.length === 0 && message.headers?.code === noResponders) {
    return Effect.fail({
      kind: 'nobody',
      message: 'Nobody answers for the stream: JetStream is not enabled there, the stream is gone, or it has no leader '
        + 'for now. If this lasts, look at: nats stream report'
    })
  }
  let answer: Fields
  try {
    answer = fieldsOf(JSON.parse(Buffer.from(message.data).toString()))
  } catch (error) {
    return Effect.fail({ kind: 'doubtful', message: `JetStream answered with what is not JSON: ${messageOf(error)}` })
  }
  if (answer['error'] === undefined) return Effect.succeed(answer)
  const { description, err_code: code } = fieldsOf(answer['error'])
  return Effect.fail({
    kind: 'refused', message: `JetStream refused it: ${String(description)} (error ${String(code)}).`, code: numberOf(code)
  })
}

const text = new TextEncoder()

const call = (link: Link, verb: string, body: object): Effect.Effect<Fields, Trouble> =>
  Effect.flatMap(link.ask(`$JS.API.${verb}`, text.encode(JSON.stringify(body)), { withinMs: answerMsMax }), parse)

const toInfo = (answer: Fields): Effect.Effect<StreamInfo, Trouble> => {
  const state = fieldsOf(answer['state'])
  const cluster = fieldsOf(answer['cluster'])
  const replicas = Array.isArray(cluster['replicas']) ? cluster['replicas'].map(fieldsOf) : []
  const created = answer['created']
  if (typeof created !== 'string' || typeof state['last_seq'] !== 'number') {
    return Effect.fail({ kind: 'doubtful', message: 'JetStream answered with something that does not describe a stream.' })
  }
  return Effect.succeed({
    created,
    config: fieldsOf(answer['config']),
    messages: numberOf(state['messages']),
    firstSeq: numberOf(state['first_seq']),
    lastSeq: state['last_seq'],
    leader: typeof cluster['leader'] === 'string' ? cluster['leader'] : null,
    followers: replicas.map(({ name, active, offline }) => ({
      name: String(name),
      heardMsAgo: offline === true || typeof active !== 'number' ? Infinity : active / nanosecondsPerMs
    }))
  })
}

/** Asked of the stream's leader; no other server answers. */
export const streamInfo = (link: Link, stream: string): Effect.Effect<StreamInfo, Trouble> =>
  Effect.flatMap(call(link, `STREAM.INFO.${stream}`, {}), toInfo)

export const createStream = (link: Link, config: StreamConfig): Effect.Effect<StreamInfo, Trouble> =>
  Effect.flatMap(call(link, `STREAM.CREATE.${String(config['name'])}`, config), toInfo)

/** Between two signs of life of a consumer that has nothing to deliver, ms. */
export const heartbeatMs = 1_000

/** Has all messages of a stream delivered to a subject, from this number on. Returns the consumer's name. */
export const createConsumer = (
  link: Link, stream: string, subject: string, firstSeq: number
): Effect.Effect<string, Trouble> => Effect.map(
  call(link, `CONSUMER.CREATE.${stream}`, {
    stream_name: stream,
    config: {
      deliver_subject: subject,
      deliver_policy: 'by_start_sequence',
      opt_start_seq: firstSeq,
      ack_policy: 'none',
      max_deliver: 1,
      replay_policy: 'instant',
      flow_control: true,
      idle_heartbeat: heartbeatMs * nanosecondsPerMs,
      num_replicas: 1,
      mem_storage: true
    }
  }),
  (answer) => String(answer['name']))

export const deleteConsumer = (link: Link, stream: string, name: string): Effect.Effect<void> =>
  Effect.ignore(call(link, `CONSUMER.DELETE.${stream}.${name}`, {}))

/** Where a message was put. */
export interface Acknowledged {
  /** 0: the server has it already, and does not say where. */
  readonly seq: number
  readonly stream: string
  readonly duplicate: boolean
}

/** Puts a message into the stream that keeps the subject. */
export const publish = (
  link: Link, subject: string, data: Uint8Array, headers: Uint8Array
): Effect.Effect<Acknowledged, Trouble> =>
  Effect.flatMap(Effect.flatMap(link.ask(subject, data, { headers, withinMs: answerMsMax }), parse), (answer) => {
    const { seq, stream, duplicate } = answer
    return typeof seq === 'number' && typeof stream === 'string'
      ? Effect.succeed({ seq, stream, duplicate: duplicate === true })
      : Effect.fail({ kind: 'doubtful', message: 'JetStream answered an append with something that is no acknowledgement.' })
  })
