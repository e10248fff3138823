import * as Data from 'effect/Data'
import type { Position } from './log/position.ts'

/**
 * Everything that can go wrong for a caller, by code. The one source: the classes below, the exports of the package and
 * the table in docs/errors.md are checked against it.
 */
export const errorCodes = {
  InvalidOptions: 'An option is missing, misspelt or out of range. The message names it and what it must be.',
  LogUnavailable: 'The log did not answer in time. Reads go on until the fence; retry the write.',
  LogDamaged: 'A record of the log cannot be trusted. Stop the node, verify the log, restore it from a copy.',
  LogUnusable: 'The log cannot be opened as it is. The message says why and what to do.',
  BroadcastUnavailable: 'The broadcast could not be opened as asked.',
  Conflict: 'Someone else changed the session first. Read it again and decide anew.',
  NotFound: 'There is no such session, or it has ended.',
  TooManySessions: 'The subject has as many sessions as it may have. End one first.',
  AttributesTooLarge: 'The attributes take more room than a session may have.',
  AttributesInvalid: 'The attributes are not a plain JSON object.',
  NotConfirmed: 'The revocation is in force and durable, but a node that serves while stale did not acknowledge it.',
  CopyRefused: 'The log cannot be moved as things stand. The message says why and what to do.',
  Closed: 'The session store was closed.',
  ArchiveUnusable: 'The archive cannot be gone on with as it is. The message says why and what to do.',
  ArchiveUnavailable: 'The archive could not be written. What it holds is whole; start again to go on.',
  ArchiveGap: 'The log no longer has all that the archive lacks. Accept the gap by name, or restore the log.'
} as const
/** The `_tag` of an error, and its code. */
export type ErrorCode = keyof typeof errorCodes

/** Nothing was done. `option` is the name of the option. */
export class InvalidOptions extends Data.TaggedError('InvalidOptions')<{
  readonly option: string
  readonly message: string
}> {}
/**
 * The outcome of the write is unknown: it may yet come to stand. `inForce`: it was a revocation, which holds wherever it
 * was heard, and whose append is retried. Without it `revoke` has done nothing: this node does not know the session, and
 * could not ask the log.
 */
export class LogUnavailable extends Data.TaggedError('LogUnavailable')<{
  readonly message: string
  readonly inForce?: true
  readonly cause?: unknown
}> {}
/** All that stands before `position` can be trusted, and was taken. */
export class LogDamaged extends Data.TaggedError('LogDamaged')<{
  readonly position: Position
  readonly message: string
}> {}
/** The log can be reached and cannot be used: not a log, of a newer version, read-only, wrongly set up. */
export class LogUnusable extends Data.TaggedError('LogUnusable')<{
  readonly message: string
  readonly cause?: unknown
}> {}
/** What is needed to open it is missing. A server that cannot be reached is no such thing: connecting goes on. */
export class BroadcastUnavailable extends Data.TaggedError('BroadcastUnavailable')<{
  readonly message: string
  readonly cause?: unknown
}> {}
/** Nothing was changed. `expected` and `actual` are versions of the session. */
export class Conflict extends Data.TaggedError('Conflict')<{
  readonly session: string
  readonly expected: number
  readonly actual: number
  readonly message: string
}> {}
/** Nothing was changed. Also for an id or token that no session has had. */
export class NotFound extends Data.TaggedError('NotFound')<{ readonly message: string }> {}
/** Nothing was started. Only with `onTooMany: 'refuse'`; `max` is the option `maxSessionsPerSubject`. */
export class TooManySessions extends Data.TaggedError('TooManySessions')<{
  readonly max: number
  readonly message: string
}> {}
/** Nothing was changed. The message says how large they may be. */
export class AttributesTooLarge extends Data.TaggedError('AttributesTooLarge')<{ readonly message: string }> {}
/** Nothing was changed. The message says where, and what is wrong there. */
export class AttributesInvalid extends Data.TaggedError('AttributesInvalid')<{ readonly message: string }> {}
/** `missing` names the nodes that neither acknowledged nor fence themselves. */
export class NotConfirmed extends Data.TaggedError('NotConfirmed')<{
  readonly missing: readonly string[]
  readonly position: Position
  readonly message: string
}> {}
/**
 * Nothing was sealed. 'not-empty': the log to copy to has events of its own. 'other-copy': it is the copy of another log.
 * 'not-ready': the `nodes` would not go over to it. 'moved': the log to copy from went on in another one. 'unreadable':
 * it holds what this version cannot read.
 */
export class CopyRefused extends Data.TaggedError('CopyRefused')<{
  readonly reason: 'not-empty' | 'other-copy' | 'not-ready' | 'moved' | 'unreadable'
  readonly nodes: readonly string[]
  readonly message: string
}> {}
/** Nothing was done. */
export class Closed extends Data.TaggedError('Closed')<{ readonly message: string }> {}

/** Nothing was changed: no position, a damaged one, one of another log, or somebody else archives there. */
export class ArchiveUnusable extends Data.TaggedError('ArchiveUnusable')<{
  readonly message: string
  readonly cause?: unknown
}> {}
/** The batch that was under way is not in it; all before is, once. */
export class ArchiveUnavailable extends Data.TaggedError('ArchiveUnavailable')<{
  readonly message: string
  readonly cause?: unknown
}> {}
/** What stood behind `from` and before `to` was too old for the log to keep, and was not archived in time. */
export class ArchiveGap extends Data.TaggedError('ArchiveGap')<{
  readonly from: Position
  readonly to: Position
  readonly message: string
}> {}

/** Any of them: `error._tag` tells which, and `switch` over it is checked for completeness. */
export type CurfewError =
  | InvalidOptions | LogUnavailable | LogDamaged | LogUnusable | BroadcastUnavailable | Conflict | NotFound
  | TooManySessions | AttributesTooLarge | AttributesInvalid | NotConfirmed | CopyRefused | Closed
  | ArchiveUnusable | ArchiveUnavailable | ArchiveGap
