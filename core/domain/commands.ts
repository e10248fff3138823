import type { Attributes, Authentication, Device, EndReason } from './events.ts'
import type { CommandId, Digest, SessionId } from './ids.ts'
import type { Limits } from './limits.ts'

/** How many sessions one subject may have at a time, and who gives way. */
export interface Cap {
  readonly max: number
  readonly onTooMany: 'end-oldest' | 'refuse'
}
/** A session that counts against the cap, in the order of the log. */
export interface Standing {
  readonly id: SessionId
  readonly tenant: string | null
}

export interface Start {
  readonly type: 'Start'
  readonly session: SessionId
  readonly subject: string | null
  readonly tenant: string | null
  readonly digest: Digest
  readonly limits: Limits
  readonly authentication: Authentication
  readonly device: Device | null
  readonly attributes: Attributes
  /** Oldest first, without the session that is continued. */
  readonly standing: readonly Standing[]
  readonly cap: Cap
}
export interface Rotate {
  readonly type: 'Rotate'
  readonly digest: Digest
  readonly graceMs: number
}
export interface Reauthenticate {
  readonly type: 'Reauthenticate'
  readonly digest: Digest
  readonly graceMs: number
  readonly authentication: Authentication
}
export interface Confirm {
  readonly type: 'Confirm'
  readonly digest: Digest
}
export interface Change {
  readonly type: 'Change'
  readonly patch: Attributes
  readonly ifVersion: number | null
}
export interface End {
  readonly type: 'End'
  readonly reason: EndReason
  readonly actor: string | null
}
/** What is asked of one session. `Start` is asked of the session that it continues, if any. */
export type Command = Start | Rotate | Reauthenticate | Confirm | Change | End

/** Who writes, when, and under which name of intent. */
export interface Writer {
  readonly at: number
  readonly by: string
  readonly command: CommandId
}
