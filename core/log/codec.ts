import * as Result from 'effect/Result'
import * as Schema from 'effect/Schema'
import * as SchemaAST from 'effect/SchemaAST'
import * as SchemaJITCompiler from 'effect/schema/SchemaJITCompiler'
import { DomainEvent, schemaVersion } from '../domain/events.ts'
import { isSessionId, type SessionId } from '../domain/ids.ts'
import { upcast } from '../domain/upcast.ts'
import { isWellFormed } from '../domain/well-formed.ts'

/**
 * An event that this node cannot read: a newer version or kind, or damage. It fails closed by how much it may concern:
 * one session, or everything. Only what its writer marked as ignorable is skipped.
 */
export type Unreadable =
  | { readonly type: 'Unreadable'; readonly concerns: 'nothing'; readonly detail: string }
  | { readonly type: 'Unreadable'; readonly concerns: 'session'; readonly session: SessionId; readonly detail: string }
  | { readonly type: 'Unreadable'; readonly concerns: 'everything'; readonly detail: string }

type Member = (typeof DomainEvent.members)[number]

/**
 * One codec a kind, found by name: a union would look for the kind itself, at twice the price. Compiled when first
 * used, for each record of a replay passes here; where making code from strings is not allowed, effect goes on
 * interpreting.
 */
const codecOf = (member: Member) => {
  SchemaJITCompiler.enable(member.ast)
  SchemaJITCompiler.enable(SchemaAST.flip(member.ast))
  const schema: Schema.Codec<DomainEvent, unknown> = member
  return { decode: Schema.decodeUnknownResult(schema), encode: Schema.encodeUnknownResult(schema) }
}
const codecs: ReadonlyMap<unknown, ReturnType<typeof codecOf>> =
  new Map(DomainEvent.members.map((member) => [member.fields.type.literal, codecOf(member)]))

type Fields = { readonly [key: string]: unknown }
const fieldsOf = (raw: unknown): Fields => typeof raw === 'object' && raw !== null ? raw as Fields : {}

/** A known kind in this version that does not decode is damage, however it is marked. */
const newer = (raw: Fields): Unreadable => {
  const detail = 'an event of a newer version or kind'
  const isEvent = typeof raw['v'] === 'number' && typeof raw['type'] === 'string'
  if (isEvent && raw['ignorable'] === true) return { type: 'Unreadable', concerns: 'nothing', detail }
  const session = raw['session']
  if (isEvent && isSessionId(session)) return { type: 'Unreadable', concerns: 'session', session, detail }
  return { type: 'Unreadable', concerns: 'everything', detail }
}

/** What was expected, and in which field of the event: deeper in its path stand keys of the app's own data. */
const where = (message: string): string => {
  const [expected] = message.split('\n', 1)
  const field = /^\s*at \["(\w+)"\]/m.exec(message)?.[1]
  return field === undefined ? String(expected) : `${expected}, in ${field}`
}

/** The event that a parsed record holds. Never throws. Details name fields and never repeat what stood in them. */
export const decodeEvent = (raw: unknown): DomainEvent | Unreadable => {
  if (isWellFormed(raw)) return raw as DomainEvent
  const current = upcast(raw)
  const fields = fieldsOf(current)
  const codec = codecs.get(fields['type'])
  if (codec === undefined || (typeof fields['v'] === 'number' && fields['v'] > schemaVersion)) return newer(fields)
  const result = codec.decode(current)
  if (Result.isSuccess(result)) return result.success
  const detail = `a ${String(fields['type'])} that does not decode: ${where(result.failure.message)}`
  return { type: 'Unreadable', concerns: 'everything', detail }
}

/** The event in a record's text. Never throws. */
export const decodeText = (text: string): DomainEvent | Unreadable => {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch {
    return { type: 'Unreadable', concerns: 'everything', detail: 'a record that is not JSON' }
  }
  return decodeEvent(raw)
}

/** The text of an event. Throws for one that its schema refuses: what cannot be read back must not be written. */
export const encodeText = (event: DomainEvent): string => {
  if (isWellFormed(event)) return JSON.stringify(event)
  const codec = codecs.get(event.type)
  if (codec === undefined) throw new TypeError('not an event of this version')
  return JSON.stringify(Result.getOrThrow(codec.encode(event)))
}
