import type { KeyObject } from 'node:crypto'
import type { Failure } from './classify.ts'
import type { FileIdentity } from './format.ts'
import type { Place } from './chain.ts'
import type { Pruned } from './pruning.ts'
import type { Append, Standing } from './transaction.ts'

/**
 * Several appends in one string, which crosses to the other thread in half the time of an object that holds the same. A
 * record is JSON on one line; an empty line ends an append; the empty string asks to close.
 */
export type Appends = string & { readonly appends: unique symbol }

export const closeRequest = '' as Appends

export const packAppends = (appends: readonly Append[]): Appends => {
  let text = ''
  for (const records of appends) {
    for (const body of records) text += body + '\n'
    text += '\n'
  }
  return text as Appends
}

export const unpackAppends = (message: Appends): readonly Append[] => {
  const appends = message.split('\n\n')
  // Behind the last empty line.
  appends.pop()
  return appends.map((bodies) => bodies.split('\n'))
}

/** Asks for the page behind a place, up to number `last`. */
export interface PageRequest {
  readonly behind: Place
  readonly last: number
}

/** Asks to prune a page of what is older than `retentionMs` at `wall`. */
export interface PruneRequest {
  readonly retentionMs: number
  readonly wall: number
}

export type ToThread = Appends | PageRequest | PruneRequest

/** The next `appends` of those not yet answered stand, one behind the other. */
export type Committed = readonly [appends: number, standing: Standing]

/** The next `appends` of those not yet answered failed. */
export interface Failed {
  readonly kind: 'failed'
  readonly appends: number
  readonly failure: Failure
}

/** The page of the next request not yet answered: checked texts, one a line. Null: the reader is to read it himself. */
export interface PageRead {
  readonly kind: 'page'
  readonly page: { readonly text: string; readonly end: Place; readonly more: boolean } | null
}

/** What the next request to prune came to. */
export type PruneDone =
  | { readonly kind: 'pruned' } & Omit<Pruned, 'refused'>
  | { readonly kind: 'not-pruned'; readonly failure: Failure }

/** Says whether the file could be opened. Otherwise the thread ends. */
export type Opening =
  | { readonly kind: 'opened'; readonly file: FileIdentity }
  | { readonly kind: 'refused'; readonly failure: Failure }

/** From the thread. Appends are answered in their order, several at once; so are requests, one by one. */
export type FromThread = Opening | Committed | Failed | PageRead | PruneDone

/** What the thread is started with. */
export interface ThreadData {
  readonly path: string
  /** The file that it must be, for a thread that takes the place of another. */
  readonly file: FileIdentity | undefined
  readonly key: KeyObject | undefined
}
