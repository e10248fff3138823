import * as Context from 'effect/Context'
import type * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import type { Revocation } from '../domain/events.ts'
import type { CommandId } from '../domain/ids.ts'
import type { Position } from '../log/position.ts'

/** What nodes tell each other. Nothing here grants anything (I3): a message ends sessions, or says "read the log". */
export type Message =
  /** The doorbell: the log has records up to here. */
  | { readonly kind: 'news'; readonly position: Position }
  /**
   * A revocation before it stands in the log (I4). `appliedAt`: the place up to which its writer had applied the log,
   * so that a late delivery cannot end a session that started after it. `acknowledge`: its writer waits for the
   * cluster.
   */
  | {
      readonly kind: 'revocation'
      readonly event: Revocation
      readonly appliedAt: Position
      readonly acknowledge: boolean
    }
  /** The sender has applied the revocation of this command. */
  | { readonly kind: 'applied'; readonly command: CommandId }
  /** The sender lives. `serves`: it validates even while stale, so silence does not mean that it has fenced itself. */
  | { readonly kind: 'heartbeat'; readonly position: Position; readonly wall: number; readonly serves: boolean }
  /** The sender closes and will validate nothing more. */
  | { readonly kind: 'goodbye' }

/** Who sent a message. */
export interface Sender {
  readonly node: string
  /** New at every start of the node, and sortable: a later start has a greater one. */
  readonly incarnation: string
  /** Counts the sender's messages from 1, without gaps: a hole means that something was lost. */
  readonly sequence: number
}

/** Why a message was not taken. */
export type MessageRefusal =
  | 'too-large' | 'not-ours' | 'version' | 'foreign-cluster' | 'unauthenticated' | 'malformed'

/** How the broadcast is, for `health()`. */
export interface BroadcastStatus {
  readonly kind: string
  readonly connected: boolean
  /**
   * Whether messages are proven to be of the cluster's own nodes: it has a key. Without one whoever may publish can end
   * sessions (and no more, I3), and `confirm: 'cluster'` waits out maxStaleness, for no acknowledgement is believed.
   */
  readonly authenticated: boolean
  /** The last failure, while it lasts. */
  readonly failure: string | null
  readonly sent: number
  readonly heard: number
  /** Messages that were not sent because there was no connection. */
  readonly unsent: number
  readonly refused: Readonly<Record<MessageRefusal, number>>
}

/**
 * The fan-out among the nodes of a cluster: fast, at most once, ordered per sender only, and never believed to have
 * arrived. Everything that it carries reaches the nodes by the log too, if later.
 */
export interface BroadcastShape {
  /**
   * Whether every message that is handed over was made by one who has the cluster's key. Without one anybody may have
   * made it: then it can end sessions and ring the bell, and nothing that it says of a node is believed (I3).
   */
  readonly authenticated: boolean
  /**
   * Sends to all nodes but this one, in the calling tick. Never throws. False: there is no connection, and it was
   * dropped.
   */
  readonly publish: (message: Message) => boolean
  /**
   * Hands over every message from other nodes that is whole, of this cluster and, with a key, authentic. Nothing of
   * this node's own. Until the scope closes. The handler must not throw.
   */
  readonly subscribe: (handler: (message: Message, from: Sender) => void) => Effect.Effect<void, never, Scope.Scope>
  /** Calls the listener at every change between connected and not. Until the scope closes. */
  readonly onConnection: (listener: (connected: boolean) => void) => Effect.Effect<void, never, Scope.Scope>
  readonly status: () => BroadcastStatus
}

/** Identity of this node on the broadcast. Given by the one who opens the node. */
export class NodeIdentity extends Context.Service<NodeIdentity, {
  readonly node: string
  readonly incarnation: string
}>()('curfew/NodeIdentity') {}

/** The fan-out to the other nodes, as a service. */
export class Broadcast extends Context.Service<Broadcast, BroadcastShape>()('curfew/Broadcast') {}
