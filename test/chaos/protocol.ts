import type { LogChoice } from './log.ts'
import type { Answer } from '../simulation/history.ts'

/** What a process is asked to do, with the tokens and ids that the store knows. */
export type Wanted =
  | {
    readonly op: 'create'; readonly subject: string | null; readonly tenant: string | null; readonly continues: string | null
  }
  | { readonly op: 'authenticate' | 'validate'; readonly token: string; readonly touch: boolean }
  | { readonly op: 'rotate' | 'reauthenticate'; readonly token: string }
  | { readonly op: 'update'; readonly id: string; readonly key: string; readonly ifVersion: number | null }
  | { readonly op: 'revoke'; readonly target: RealTarget; readonly cluster: boolean }

export type RealTarget =
  | { readonly token: string } | { readonly id: string }
  | { readonly subject: string; readonly except: readonly string[] }
  | { readonly tenant: string } | { readonly all: true }

/** Times are those of the process that was asked, by the clock that all processes of a machine share. */
export interface Done {
  readonly askedAt: number
  readonly answeredAt: number
  readonly answer: Answer
  /** What only the client is given. */
  readonly issued: { readonly id: string; readonly token: string } | null
  readonly renew: boolean
}

/** A session that a process is to look at again and again, by the names of the history. */
export interface Held {
  readonly session: string
  readonly id: string
  readonly name: string
  readonly token: string
}

export interface Opening {
  readonly node: string
  readonly log: LogChoice
  readonly servers: readonly string[]
  /** The origin of all times: CLOCK_MONOTONIC, ns. */
  readonly originNs: string
}

/** What an owner would see of a process. */
export interface Vitals {
  readonly isWell: boolean
  readonly health: string
  /** Caught up with its log a moment ago. */
  readonly isFresh: boolean
  /** The heap, and what lies beside it. */
  readonly memoryBytes: number
  readonly rssBytes: number
  readonly handles: number
  readonly timers: number
  readonly sessions: number
}

export type NodeProtocol = {
  readonly open: readonly [Opening, null]
  readonly ask: readonly [Wanted, Done]
  readonly hold: readonly [Held, null]
  /** What it holds of the sessions with these ids, as texts. */
  readonly finals: readonly [readonly string[], readonly string[]]
  /** `collects`: after a collection of garbage. */
  readonly vitals: readonly [{ readonly collects: boolean }, Vitals]
  readonly close: readonly [null, null]
}

/** What a process says unasked. */
export type Told =
  | { readonly told: 'opens' | 'serves'; readonly at: number }
  | { readonly told: 'verdict'; readonly name: string; readonly verdict: string; readonly at: number }
  | { readonly told: 'watches'; readonly session: string; readonly at: number }
  | { readonly told: 'aborts'; readonly session: string; readonly reason: string; readonly at: number }
  /** The machine did not let it run. */
  | { readonly told: 'starved'; readonly from: number; readonly to: number }
