import * as fc from 'fast-check'
import {
  schemaVersion, type Attributes, type DomainEvent, type EndReason, type Revocation
} from '../../core/domain/events.ts'
import { base64url, type CommandId, type Digest, type SessionId } from '../../core/domain/ids.ts'
import { presets } from '../../core/domain/limits.ts'

/**
 * Any event that may stand in a log, of every kind, with everything in it that its schema allows. For what must hold
 * for all events; where events have to make sense together, a test builds its own.
 */

export const millis = fc.oneof(
  fc.integer({ min: 1_600_000_000_000, max: 2_000_000_000_000 }),
  fc.constantFrom(0, 1, 281_474_976_710_655)
)
export const sessionId = fc.uuid({ version: 7 }).map((id) => id as SessionId)
export const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => base64url(bytes) as Digest)
export const commandId = fc.uint8Array({ minLength: 15, maxLength: 15 }).map((bytes) => base64url(bytes) as CommandId)

/** Characters that an encoding, a separator or a quotation could get wrong. */
const awkward = fc.constantFrom(
  '\0', '\n', '\n\n', '\r\n', '\u2028', '"', '\\', "'; DROP TABLE event; --", '\ud800', 'é', 'e\u0301', '日本',
  '👩‍👩‍👧', '*', '>', '.', ' '
)
/** Text of 1 to `max` UTF-16 code units. */
export const text = (max: number): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.string({ minLength: 1, maxLength: Math.min(max, 24) }) },
    { weight: 2, arbitrary: fc.string({ minLength: 1, maxLength: Math.min(max, 24), unit: 'binary' }) },
    { weight: 1, arbitrary: awkward },
    { weight: 1, arbitrary: fc.constant('x'.repeat(max)) }
  ).filter((value) => value.length >= 1 && value.length <= max)

export const subject = text(256)
export const tenant = text(256)
export const nodeName = text(256)

/** A JSON object as the app may keep on a session: what JSON would not give back as it was is left out. */
export const attributes: fc.Arbitrary<Attributes> =
  fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
    .map((value) => JSON.stringify(value))
    .filter((json) => !json.includes('"__proto__"'))
    .map((json) => JSON.parse(json) as Attributes)

export const limits = fc.oneof(
  fc.constantFrom(...Object.values(presets)),
  fc.record({
    idle: fc.integer({ min: 1_000, max: 2_592_000_000 }),
    absolute: fc.integer({ min: 1_000, max: 34_560_000_000 }),
    renew: fc.option(fc.integer({ min: 1_000, max: 34_560_000_000 }))
  })
)
export const authentication = fc.record({ level: text(64), methods: fc.array(text(64), { maxLength: 4 }), at: millis })
export const device = fc.record(
  { label: text(128), userAgent: text(512), networkPrefix: text(64) }, { requiredKeys: [] })
export const endReason: fc.Arbitrary<EndReason> = fc.constantFrom(
  'logout', 'revoked', 'idle', 'absolute', 'superseded', 'token-reuse', 'evicted', 'migrated')

const version = fc.integer({ min: 1, max: 1_000_000 })
const graceMs = fc.integer({ min: 0, max: 3_600_000 })
const actor = text(256)
const before = fc.option(millis)
const ofSession = { session: sessionId, subject: fc.option(subject), tenant: fc.option(tenant) }
const envelope = <T extends string>(type: T) => ({
  v: fc.constant(schemaVersion), type: fc.constant(type), at: millis, by: nodeName, command: commandId
})

const envelopeKeys = ['v', 'type', 'at', 'by', 'command'] as const
const ofSessionKeys = ['session', 'subject', 'tenant'] as const

type OfType<T> = Extract<DomainEvent, { readonly type: T }>

/** By kind. A new kind of event does not compile until it stands here. */
export const events: { readonly [T in DomainEvent['type']]: fc.Arbitrary<OfType<T>> } = {
  SessionStarted: fc.record({
    ...envelope('SessionStarted'), ...ofSession, digest, limits, authentication, device: fc.option(device), attributes,
    continues: fc.option(sessionId)
  }),
  ActivityRecorded: fc.record({
    ...envelope('ActivityRecorded'), seen: fc.array(fc.tuple(sessionId, millis), { maxLength: 8 })
  }),
  TokenRotated: fc.record({ ...envelope('TokenRotated'), ...ofSession, expects: version, digest, graceMs }),
  TokenConfirmed: fc.record({ ...envelope('TokenConfirmed'), ...ofSession, digest }),
  Reauthenticated: fc.record({
    ...envelope('Reauthenticated'), ...ofSession, expects: version, digest, graceMs, authentication
  }),
  AttributesChanged: fc.record({
    ...envelope('AttributesChanged'), ...ofSession, expects: version, patch: attributes
  }, { requiredKeys: [...envelopeKeys, ...ofSessionKeys, 'patch'] }),
  SessionEnded: fc.record({
    ...envelope('SessionEnded'), ...ofSession, reason: endReason, actor
  }, { requiredKeys: [...envelopeKeys, ...ofSessionKeys, 'reason'] }),
  SubjectRevoked: fc.record({
    ...envelope('SubjectRevoked'), subject, except: fc.array(sessionId, { maxLength: 4 }), before,
    reason: endReason, actor
  }, { requiredKeys: [...envelopeKeys, 'subject', 'except', 'before', 'reason'] }),
  TenantRevoked: fc.record({
    ...envelope('TenantRevoked'), tenant, before, reason: endReason, actor
  }, { requiredKeys: [...envelopeKeys, 'tenant', 'before', 'reason'] }),
  AllRevoked: fc.record({
    ...envelope('AllRevoked'), before, reason: endReason, actor
  }, { requiredKeys: [...envelopeKeys, 'before', 'reason'] }),
  AnomalyDetected: fc.record({
    ...envelope('AnomalyDetected'), ignorable: fc.constant(true), kind: text(64), session: fc.option(sessionId),
    subject: fc.option(subject), evidence: attributes
  }),
  NodeAnnounced: fc.record({
    ...envelope('NodeAnnounced'), ignorable: fc.constant(true), incarnation: text(64),
    state: fc.constantFrom('joins', 'leaves'), fencesAfterMs: fc.option(fc.integer({ min: 1, max: 3_600_000 })),
    moves: fc.constant(true)
  }, { requiredKeys: [...envelopeKeys, 'ignorable', 'incarnation', 'state', 'fencesAfterMs'] }),
  LogCopyStarted: fc.record({ ...envelope('LogCopyStarted'), from: text(256) }),
  LogCopyFinished: fc.record({ ...envelope('LogCopyFinished'), from: text(256) }),
  LogSealed: fc.record({ ...envelope('LogSealed'), to: text(256) })
}

/** Any event, every kind as likely as any other. */
export const event: fc.Arbitrary<DomainEvent> = fc.oneof(...Object.values(events))

/** Any event that ends sessions. */
export const revocation: fc.Arbitrary<Revocation> = fc.oneof(
  events.SessionEnded, events.SubjectRevoked, events.TenantRevoked, events.AllRevoked)
