import * as Schema from 'effect/Schema'
import { CommandId, Digest, NodeName, SessionId, Subject, Tenant } from './ids.ts'
import { Limits } from './limits.ts'

/** The latest moment that there is room for: 48 bits of ms, in the year 10889. */
export const millisMax = 281_474_976_710_655
/** Wall clock of the writer, ms since 1970. */
const Millis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: millisMax }))
const Version = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/** The version that this code writes. Older ones are brought up to it by upcast.ts. */
export const schemaVersion = 1

/** How the subject proved who it is: the app's own level and method names (such as 'aal2', ['password', 'otp']). */
export const Authentication = Schema.Struct({
  level: Schema.String.check(Schema.isBetweenLength(1, 64)),
  methods: Schema.Array(Schema.String.check(Schema.isBetweenLength(1, 64))).check(Schema.isMaxLength(16)),
  at: Millis
})
export type Authentication = typeof Authentication.Type

/** What a person needs to recognise a session in a list. */
export const Device = Schema.Struct({
  label: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(128))),
  userAgent: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(512))),
  networkPrefix: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(64)))
})
export type Device = typeof Device.Type

/** The app's own data on a session: a JSON object. */
export const Attributes = Schema.Record(Schema.String, Schema.Json)
export type Attributes = typeof Attributes.Type

/** Why a session ended. */
export const EndReason = Schema.Literals([
  'logout', 'revoked', 'idle', 'absolute', 'superseded', 'token-reuse', 'evicted', 'migrated'
])
export type EndReason = typeof EndReason.Type

const envelope = <T extends string>(type: T) => ({
  v: Schema.Literal(schemaVersion),
  type: Schema.Literal(type),
  at: Millis,
  by: NodeName,
  command: CommandId
})
const ofSession = { session: SessionId, subject: Schema.NullOr(Subject), tenant: Schema.NullOr(Tenant) }
const graceMs = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3_600_000 }))
/** A person or system on whose order it was done, where that is not the session's own subject. */
const actor = Schema.optionalKey(Schema.String.check(Schema.isBetweenLength(1, 256)))

export const SessionStarted = Schema.Struct({
  ...envelope('SessionStarted'),
  ...ofSession,
  digest: Digest,
  limits: Limits,
  authentication: Authentication,
  device: Schema.NullOr(Device),
  attributes: Attributes,
  continues: Schema.NullOr(SessionId)
})
export const ActivityRecorded = Schema.Struct({
  ...envelope('ActivityRecorded'),
  /** (session, last seen) of each session that this node saw since its batch before. */
  seen: Schema.Array(Schema.Tuple([SessionId, Millis])).check(Schema.isMaxLength(10_000))
})
export const TokenRotated = Schema.Struct({
  ...envelope('TokenRotated'), ...ofSession, expects: Version, digest: Digest, graceMs
})
export const TokenConfirmed = Schema.Struct({
  ...envelope('TokenConfirmed'), ...ofSession,
  /** The pending token that was presented. Stands in for `expects`: another pending token makes the event void. */
  digest: Digest
})
export const Reauthenticated = Schema.Struct({
  ...envelope('Reauthenticated'),
  ...ofSession,
  expects: Version,
  digest: Digest,
  graceMs,
  authentication: Authentication
})
export const AttributesChanged = Schema.Struct({
  ...envelope('AttributesChanged'), ...ofSession,
  /** Only where the app asked for it: patches merge in the order of the log. */
  expects: Schema.optionalKey(Version),
  /** RFC 7396. */
  patch: Attributes
})
export const SessionEnded = Schema.Struct({ ...envelope('SessionEnded'), ...ofSession, reason: EndReason, actor })
export const SubjectRevoked = Schema.Struct({
  ...envelope('SubjectRevoked'), subject: Subject,
  except: Schema.Array(SessionId).check(Schema.isMaxLength(64)),
  before: Schema.NullOr(Millis), reason: EndReason, actor
})
export const TenantRevoked = Schema.Struct({
  ...envelope('TenantRevoked'), tenant: Tenant, before: Schema.NullOr(Millis), reason: EndReason, actor
})
export const AllRevoked = Schema.Struct({
  ...envelope('AllRevoked'), before: Schema.NullOr(Millis), reason: EndReason, actor
})
export const AnomalyDetected = Schema.Struct({
  ...envelope('AnomalyDetected'),
  ignorable: Schema.Literal(true),
  kind: Schema.String.check(Schema.isBetweenLength(1, 64)),
  session: Schema.NullOr(SessionId),
  subject: Schema.NullOr(Subject),
  evidence: Schema.Record(Schema.String, Schema.Json)
})
/**
 * A node says that it reads the log (or no longer does), before it validates anything: so whoever confirms a revocation
 * to the cluster knows by the log alone which nodes must have applied it, or have fenced themselves.
 */
export const NodeAnnounced = Schema.Struct({
  ...envelope('NodeAnnounced'),
  ignorable: Schema.Literal(true),
  incarnation: Schema.String.check(Schema.isBetweenLength(1, 64)),
  state: Schema.Literals(['joins', 'leaves']),
  /**
   * Its maxStaleness in ms: so long after an event at most it may still answer without it. null: it serves while stale.
   */
  fencesAfterMs: Schema.NullOr(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3_600_000 }))),
  /** It follows the log that this one is to be moved to as well, and goes on there once everything stands there. */
  moves: Schema.optionalKey(Schema.Literal(true))
})

/** What an operator calls a log. Never holds a secret. */
const LogName = Schema.String.check(Schema.isBetweenLength(1, 256))
/**
 * Everything of another log is being copied to this one: until that is finished a node must not validate by it, for it
 * would learn of that log's revocations late. Not ignorable, so that a node that does not know it fences itself.
 */
export const LogCopyStarted = Schema.Struct({ ...envelope('LogCopyStarted'), from: LogName })
/** All that stood in front of the other log's seals stands in this one now, in front of this. */
export const LogCopyFinished = Schema.Struct({ ...envelope('LogCopyFinished'), from: LogName })
/** The log goes on elsewhere: what stands behind this in its partition is void, on every node alike (I1). */
export const LogSealed = Schema.Struct({ ...envelope('LogSealed'), to: LogName })

/** A fact about sessions, as it stands in the log. */
export const DomainEvent = Schema.Union([
  SessionStarted, ActivityRecorded, TokenRotated, TokenConfirmed, Reauthenticated, AttributesChanged, SessionEnded,
  SubjectRevoked, TenantRevoked, AllRevoked, AnomalyDetected, NodeAnnounced,
  LogCopyStarted, LogCopyFinished, LogSealed
])
export type DomainEvent = typeof DomainEvent.Type
export type SessionStarted = typeof SessionStarted.Type
export type ActivityRecorded = typeof ActivityRecorded.Type
export type TokenRotated = typeof TokenRotated.Type
export type TokenConfirmed = typeof TokenConfirmed.Type
export type Reauthenticated = typeof Reauthenticated.Type
export type AttributesChanged = typeof AttributesChanged.Type
export type SessionEnded = typeof SessionEnded.Type
export type SubjectRevoked = typeof SubjectRevoked.Type
export type TenantRevoked = typeof TenantRevoked.Type
export type AllRevoked = typeof AllRevoked.Type
export type AnomalyDetected = typeof AnomalyDetected.Type
export type NodeAnnounced = typeof NodeAnnounced.Type
export type LogCopyStarted = typeof LogCopyStarted.Type
export type LogCopyFinished = typeof LogCopyFinished.Type
export type LogSealed = typeof LogSealed.Type

/** Events about one session. */
export type SessionEvent =
  SessionStarted | TokenRotated | TokenConfirmed | Reauthenticated | AttributesChanged | SessionEnded
/** Events that end many sessions at once. */
export type WideRevocation = SubjectRevoked | TenantRevoked | AllRevoked
/** Events that end sessions: the only ones that the broadcast may carry. */
export type Revocation = SessionEnded | WideRevocation
/** Events about the log itself: it is the copy of another one, or goes on in another one. */
export type LogEvent = LogCopyStarted | LogCopyFinished | LogSealed

export const isWideRevocation = (event: DomainEvent): event is WideRevocation =>
  event.type === 'SubjectRevoked' || event.type === 'TenantRevoked' || event.type === 'AllRevoked'

/**
 * What decides the place of an event among its partition's others: its subject, or the session of an anonymous one.
 * 'every': it concerns sessions of all partitions, as a batch of activity does, which an idle end must find in its
 * order. 'any': its place does not matter.
 */
export const orderingKey = (event: DomainEvent): { readonly key: string } | 'every' | 'any' => {
  switch (event.type) {
    case 'TenantRevoked':
    case 'AllRevoked':
    case 'NodeAnnounced':
    case 'ActivityRecorded':
    case 'LogCopyStarted':
    case 'LogCopyFinished':
    case 'LogSealed':
      return 'every'
    case 'AnomalyDetected':
      return 'any'
    case 'SubjectRevoked':
      return { key: event.subject }
    default:
      return { key: event.subject ?? event.session }
  }
}
