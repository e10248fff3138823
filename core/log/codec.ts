import * as Result from 'effect/Result'
import * as Schema from 'effect/Schema'
import * as SchemaAST from 'effect/SchemaAST'
import * as SchemaJITCompiler from 'effect/schema/SchemaJITCompiler'
import { DomainEvent, schemaVersion } from '../domain/events.ts'
import { isSessionId, type SessionId } from '../domain/ids.ts'
import { upcast } from '../domain/upcast.ts'

/**
 * An event that this node cannot read: a newer version or kind, or damage. It fails closed by how much it may concern:
 * one session, or everything. Only what its writer marked as ignorable is skipped.
 */
export type Unreadable =
  | { readonly type: 'Unreadable'; readonly concerns: 'nothing'; readonly detail: string }
  | { readonly type: 'Unreadable'; readonly concerns: 'session'; readonly session: SessionId; readonly detail: string }
  | { readonly type: 'Unreadable'; readonly concerns: 'everything'; readonly detail: string }

// Compiled when first used: a tenth of the time, for each record of a replay. Where making code from strings is not
// allowed, effect goes on interpreting.
SchemaJITCompiler.enable(DomainEvent.ast)
SchemaJITCompiler.enable(SchemaAST.flip(DomainEvent.ast))

const decode = Schema.decodeUnknownResult(DomainEvent)
const encode = Schema.encodeResult(DomainEvent)

const unreadable = (raw: unknown, detail: string): Unreadable => {
  const fields = typeof raw === 'object' && raw !== null ? raw as { readonly [key: string]: unknown } : {}
  const session = fields['session']
  // A known kind in this version that does not decode is damage, however it is marked.
  const newer = typeof fields['v'] === 'number' && typeof fields['type'] === 'string'
    && (fields['v'] > schemaVersion || !knownTypes.has(fields['type']))
  if (newer && fields['ignorable'] === true) return { type: 'Unreadable', concerns: 'nothing', detail }
  if (newer && isSessionId(session)) return { type: 'Unreadable', concerns: 'session', session, detail }
  return { type: 'Unreadable', concerns: 'everything', detail }
}

const knownTypes: ReadonlySet<string> = new Set(DomainEvent.members.map((member) => member.fields.type.literal))

/** What was expected, and in which field of the event: deeper in its path stand keys of the app's own data. */
const where = (message: string): string => {
  const [expected] = message.split('\n', 1)
  const field = /^\s*at \["(\w+)"\]/m.exec(message)?.[1]
  return field === undefined ? String(expected) : `${expected}, in ${field}`
}

/** The event that a parsed record holds. Never throws. Details name fields and never repeat what stood in them. */
export const decodeEvent = (raw: unknown): DomainEvent | Unreadable => {
  const result = decode(upcast(raw))
  if (Result.isSuccess(result)) return result.success
  const fields = typeof raw === 'object' && raw !== null ? raw as { readonly [key: string]: unknown } : {}
  const known = typeof fields['type'] === 'string' && knownTypes.has(fields['type'])
  return unreadable(raw, known && fields['v'] === schemaVersion
    ? `a ${String(fields['type'])} that does not decode: ${where(result.failure.message)}`
    : 'an event of a newer version or kind')
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
export const encodeText = (event: DomainEvent): string => JSON.stringify(Result.getOrThrow(encode(event)))
