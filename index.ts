import * as Effect from 'effect/Effect'
import { sqliteLog, verifyLog as verifyLogEffect, type Verification, type VerifyOptions } from './core/log/sqlite.ts'
import { systemWorld } from './consumers/effect.ts'
import { openFacade, type Sessions } from './consumers/facade.ts'
import type { OpenOptions } from './consumers/node.ts'
import { InvalidOptions } from './core/errors.ts'

export { memoryLog } from './core/log/memory.ts'
export { sqliteLog } from './core/log/sqlite.ts'
export type { SqliteLogOptions, Verification, VerifyOptions } from './core/log/sqlite.ts'
export type { MemoryLogOptions } from './core/log/memory.ts'
export * from './core/errors.ts'
export { SessionOver } from './core/store/signals.ts'
export type { Attributes, Authentication, Device, DomainEvent, EndReason } from './core/domain/events.ts'
export type { DurationInput, LimitsInput, LimitsPreset } from './core/domain/limits.ts'
export type { Refusal, Session, Verdict } from './core/domain/verdict.ts'
export type { LogStatus, StoredEvent } from './core/log/port.ts'
export type { Position } from './core/log/position.ts'
export type { BroadcastStatus } from './core/store/broadcast.ts'
export type { CreateOptions, Issued } from './core/store/create.ts'
export type { Receipt } from './core/store/revoke.ts'
export type { Confirm, RevokeOptions, Target } from './core/store/revoke-options.ts'
export type { EventsOptions, Health } from './core/store/sessions.ts'
export type { NodeOptions } from './core/store/settings.ts'
export type { Sessions } from './consumers/facade.ts'
export type { ReauthenticateOptions, RotateOptions, UpdateOptions } from './core/store/tokens.ts'

/**
 * Checks a log file from its first record to its last: each one's number, and its hash over the one before. Rejects with
 * `InvalidOptions`, `LogUnusable` or `LogUnavailable` where the file cannot be read at all; what is wrong in it stands in
 * the answer. The log may be in use meanwhile.
 */
export const verifyLog = (path: string, options?: VerifyOptions): Promise<Verification> =>
  Effect.runPromise(verifyLogEffect(path, options))

/** The options of `openSessions`: those of a node, and its parts. */
export type SessionsOptions = Omit<OpenOptions, 'log'> & Partial<Pick<OpenOptions, 'log'>>

/**
 * Opens this node of the cluster: resolves when it has caught up with the log. Default log: `sqliteLog()`, the file
 * curfew.db in the working directory. Rejects with `InvalidOptions`, `LogUnusable`, `LogDamaged`, `LogUnavailable` or
 * `BroadcastUnavailable`; a broadcast that cannot be reached is no reason to reject.
 */
export const openSessions = async (options: SessionsOptions = {}): Promise<Sessions> => {
  // Plain JavaScript may pass anything.
  const given = options as SessionsOptions | null
  if (typeof given !== 'object' || given === null) {
    throw new InvalidOptions({ option: 'options', message: 'The options of openSessions must be an object.' })
  }
  return openFacade({ ...given, log: given.log ?? sqliteLog() }, systemWorld)
}
