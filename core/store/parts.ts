import type * as Effect from 'effect/Effect'
import type { NodeAnnounced, Revocation } from '../domain/events.ts'
import { type CommandId, mintCommandId, type Random, type SessionId } from '../domain/ids.ts'
import type { Writer } from '../domain/commands.ts'
import type { LogUnavailable, NotConfirmed } from '../errors.ts'
import type { EventLogShape } from '../log/port.ts'
import type { Position } from '../log/position.ts'
import type { Barrier } from './barrier.ts'
import type { BroadcastShape, Sender } from './broadcast.ts'
import type { Fence } from './fence.ts'
import type { SessionIndex } from './ports.ts'
import type { Settings } from './settings.ts'
import type { Writes } from './write.ts'
import type { TrustedTime } from './trusted-time.ts'

/** Compares this node with the log's head now, for whoever needs to know that it has caught up. */
export interface CatchUp {
  /** Succeeds once everything that stood in the log when this was called has been folded. */
  readonly now: Effect.Effect<void, LogUnavailable>
}

/** A node as the others know it. */
export interface Member {
  readonly node: string
  readonly incarnation: string
  /** How long it may answer without the log; null: it serves while stale. */
  readonly fencesAfterMs: number | null
  /** Its wall clock less ours in ms, as of its last heartbeat; null: none was heard. */
  readonly skewMs: number | null
}

/** Who has applied a revocation, and when that was sure, in ms of the monotonic clock. */
export interface Confirmation {
  readonly by: readonly string[]
  readonly at: number
}

/** The other nodes of the cluster: those that the log names, and what the broadcast tells of them. */
export interface ClusterView {
  readonly others: () => readonly Member[]
  /** Whether another process runs under this node's name. */
  readonly misnamed: () => boolean
  /** What a partition of the log says of a node, in the order in which it stands there. */
  readonly fold: (event: NodeAnnounced, partition: number) => void
  /** Any record of a node is a sign of life. */
  readonly wrote: (node: string) => void
  readonly heard: (from: Sender, position: Position, wall: number) => void
  readonly acknowledged: (from: Sender, command: CommandId) => void
  readonly left: (from: Sender) => void
  /**
   * Resolves when every other node has applied the revocation, or must have fenced itself. `durableAt`: when it was
   * known to be durable, by the monotonic clock. Without a command only positions count as acknowledgements.
   */
  readonly confirmed: (
    command: CommandId | null,
    position: Position,
    durableAt: number
  ) => Effect.Effect<Confirmation, NotConfirmed>
}

/** What became of the background work, by its name: the last failure of each, null while it is well. */
export type Failures = Map<string, string>

/** The part that one of a process's two nodes plays while its sessions move from one log to another. */
export type Move =
  | {
    /** It serves, until the log goes on elsewhere. */
    readonly side: 'old'
    /** The parts of the node that serves then, once it does. */
    readonly successor: Effect.Effect<Parts, LogUnavailable>
    /** What it owed the log is the successor's now. */
    handedOver: boolean
  }
  | {
    /** It folds, and says nothing that would vouch for this process, until it serves. */
    readonly side: 'new'
    serves: boolean
    /** What it hears end, the node that serves ends as well. */
    onHeard: (event: Revocation) => void
    /** The log may be whole now. */
    onFinished: () => void
  }

/** The parts of one node, put together by its opener. Everything outside of the process comes in through them. */
export interface Parts {
  readonly node: string
  readonly incarnation: string
  readonly settings: Settings
  readonly random: Random
  readonly time: TrustedTime
  readonly fence: Fence
  readonly barrier: Barrier
  readonly log: EventLogShape
  readonly writes: Writes
  /** null: the log's own tail is all. */
  readonly broadcast: BroadcastShape | null
  readonly index: SessionIndex
  readonly cluster: ClusterView
  readonly failures: Failures
  /** Sessions that a login on this node is just putting out: of many that race, none puts them out again. */
  readonly evicting: Set<SessionId>
  /** null: nothing is moved. */
  readonly move: Move | null
}

/** A new intent to write, now. */
export const writer = (parts: Parts): Writer => ({
  at: parts.time.now(), by: parts.node, command: mintCommandId(parts.random)
})
