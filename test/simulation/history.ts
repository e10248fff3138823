import type { Refusal } from '../../core/domain/verdict.ts'

/**
 * What an outsider saw of a cluster: what was asked of which process, what it answered, and when, in true time (ms from
 * the start); and what befell the machines. The checker knows nothing else.
 *
 * Sessions are named by who asked for them (`s4`), tokens by their session and count (`s4.2`), processes by their node
 * and count (`b.1`).
 */
export type Entry = { readonly at: number } & (
  /** `bounded`: it fences itself when it is stale, as opposed to one that goes on serving. */
  | {
    readonly what: 'process'; readonly process: string; readonly node: string; readonly state: ProcessState
    readonly bounded: boolean
  }
  /** Something that keeps the node from answering as it should, until it is over. */
  | { readonly what: 'trouble'; readonly node: string; readonly kind: Trouble; readonly on: boolean }
  /** How far the node's wall clock is ahead of true time, from now on. */
  | { readonly what: 'clock'; readonly node: string; readonly aheadMs: number }
  | { readonly what: 'asks'; readonly call: number; readonly process: string; readonly op: Op }
  | { readonly what: 'answers'; readonly call: number; readonly answer: Answer }
  /** A validation, answered at once. `touch`: it counts as activity. */
  | {
    readonly what: 'validates'; readonly process: string; readonly token: string; readonly touch: boolean
    readonly verdict: 'ok' | Refusal
  }
  | { readonly what: 'aborts'; readonly process: string; readonly session: string; readonly reason: string }
)

/** opens: it has begun to start. serves: it answers. stops: it closes in order. dies: it is gone at once. */
export type ProcessState = 'opens' | 'serves' | 'stops' | 'dies'

/** log: requests to it are lost, on either way. append: writes fail. paused, suspended: it does not run. */
export type Trouble = 'log' | 'append' | 'slow' | 'broadcast' | 'paused' | 'suspended'

export type Op =
  | {
    readonly op: 'create'; readonly session: string; readonly subject: string | null; readonly tenant: string | null
    readonly continues: string | null
  }
  | { readonly op: 'authenticate'; readonly token: string; readonly touch: boolean }
  | { readonly op: 'rotate'; readonly token: string; readonly next: string }
  | { readonly op: 'reauthenticate'; readonly token: string; readonly next: string }
  | { readonly op: 'update'; readonly session: string; readonly key: string; readonly ifVersion: number | null }
  | { readonly op: 'revoke'; readonly target: Target; readonly cluster: boolean }
  | { readonly op: 'signal'; readonly session: string }

export type Target =
  | { readonly token: string } | { readonly session: string }
  | { readonly subject: string; readonly except: readonly string[] }
  | { readonly tenant: string } | { readonly all: true }

export type Answer =
  | { readonly ok: true; readonly version?: number; readonly ended?: number }
  | { readonly ok: false; readonly reason: string }

/** What the nodes hold in the end, each beside what the log says. */
export interface Final {
  readonly process: string
  readonly session: string
  /** As the node has it, and as the fold of the log has it: texts that must be the same. */
  readonly holds: string
  readonly logged: string
}

export interface Outcome {
  readonly entries: readonly Entry[]
  readonly finals: readonly Final[]
}

export const sessionOf = (token: string): string => token.slice(0, token.indexOf('.'))

/** The same history, the same text. */
export const historyText = ({ entries, finals }: Outcome): string =>
  [...entries, ...finals].map((entry) => JSON.stringify(entry)).join('\n')
