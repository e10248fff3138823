import type { Revocation } from '../../core/domain/events.ts'
import { schemaVersion } from '../../core/domain/events.ts'
import { isCommandId, nameLengthMax } from '../../core/domain/ids.ts'
import { decodeEvent, encodeText } from '../../core/log/codec.ts'
import { isPosition } from '../../core/log/position.ts'
import type { Message, MessageRefusal, Sender } from '../../core/store/broadcast.ts'

/** The JSON inside of a message: `from` is [node, incarnation, sequence], the rest are the message's own fields. */
export type Body = { readonly text: string } | { readonly unfit: string }

export const writeBody = (message: Message, from: Sender): Body => {
  const sender = `{"from":${JSON.stringify([from.node, from.incarnation, from.sequence])},`
  if (message.kind !== 'revocation') return { text: sender + JSON.stringify(message).slice(1) }
  let event: string
  try {
    event = encodeText(message.event)
  } catch {
    // The schema's complaint may repeat what stood in the event.
    return { unfit: `a ${message.event.type} that does not have its form` }
  }
  return {
    text: `${sender}"kind":"revocation","event":${event},"appliedAt":${JSON.stringify(message.appliedAt)},`
      + `"acknowledge":${message.acknowledge}}`
  }
}

/** Never throws. */
export const readBody = (text: string): { readonly message: Message; readonly from: Sender } | MessageRefusal => {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch {
    return 'malformed'
  }
  if (!isRecord(raw)) return 'malformed'
  const from = readSender(raw['from'])
  if (from === undefined) return 'malformed'
  const message = readMessage(raw)
  return typeof message === 'string' ? message : { message, from }
}

type Fields = { readonly [key: string]: unknown }
const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const incarnationLengthMax = 64
const isName = (value: unknown, lengthMax: number): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= lengthMax

const readSender = (value: unknown): Sender | undefined => {
  if (!Array.isArray(value) || value.length !== 3) return undefined
  const [node, incarnation, sequence] = value as readonly unknown[]
  if (!isName(node, nameLengthMax) || !isName(incarnation, incarnationLengthMax)) return undefined
  return Number.isSafeInteger(sequence) && sequence as number >= 1
    ? { node, incarnation, sequence: sequence as number }
    : undefined
}

const readMessage = (raw: Fields): Message | MessageRefusal => {
  const { kind, position } = raw
  switch (kind) {
    case 'news':
      return isPosition(position) ? { kind, position } : 'malformed'
    case 'revocation':
      return readRevocation(raw)
    case 'applied':
      return isCommandId(raw['command']) ? { kind, command: raw['command'] } : 'malformed'
    case 'heartbeat': {
      const { wall, serves } = raw
      return isPosition(position) && typeof wall === 'number' && Number.isFinite(wall) && typeof serves === 'boolean'
        ? { kind, position, wall, serves }
        : 'malformed'
    }
    case 'goodbye':
      return { kind }
    default:
      return 'malformed'
  }
}

/** The only events that are ever taken from the broadcast: they end sessions (I3). */
const revocations: Readonly<Record<Revocation['type'], true>> = {
  SessionEnded: true, SubjectRevoked: true, TenantRevoked: true, AllRevoked: true
}
const isRevocation = (event: { readonly type: string }): event is Revocation => Object.hasOwn(revocations, event.type)

const readRevocation = (raw: Fields): Message | MessageRefusal => {
  const { event, appliedAt, acknowledge } = raw
  if (!isRecord(event) || !isPosition(appliedAt) || typeof acknowledge !== 'boolean') return 'malformed'
  // A newer node's revocation: this one learns of it by the log, which fails closed.
  if (typeof event['v'] === 'number' && event['v'] > schemaVersion) return 'version'
  const decoded = decodeEvent(event)
  return isRevocation(decoded) ? { kind: 'revocation', event: decoded, appliedAt, acknowledge } : 'malformed'
}
