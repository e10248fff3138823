import type { Failure } from './classify.ts'
import type { FileIdentity } from './format.ts'

/**
 * What crosses to the writer's thread: several appends in one string, which crosses in half the time of an object that
 * holds the same. A record is JSON on one line; an empty line ends an append; the empty string asks to close.
 */
export type ToWriter = string & { readonly toWriter: unique symbol }

export const closeRequest = '' as ToWriter

export const packAppends = (appends: ReadonlyArray<readonly string[]>): ToWriter => {
  let text = ''
  for (const bodies of appends) {
    for (const body of bodies) text += body + '\n'
    text += '\n'
  }
  return text as ToWriter
}

export const unpackAppends = (message: ToWriter): ReadonlyArray<readonly string[]> => {
  const appends = message.split('\n\n')
  // Behind the last empty line.
  appends.pop()
  return appends.map((bodies) => bodies.split('\n'))
}

/** From the writer's thread. Appends are answered in their order, several at once. */
export type FromWriter =
  | { readonly kind: 'opened'; readonly file: FileIdentity }
  /** The file could not be opened; the thread ends. */
  | { readonly kind: 'refused'; readonly failure: Failure }
  /** The next `appends` of those not yet answered failed. */
  | { readonly kind: 'failed'; readonly appends: number; readonly failure: Failure }
  /** The next `appends` of those not yet answered stand, the first of their records as number `first`. */
  | Committed
export type Committed = readonly [appends: number, first: number]

/** What the writer's thread is started with. */
export interface WriterData {
  readonly path: string
  /** The file that it must be, for a thread that takes the place of another. */
  readonly file: FileIdentity | undefined
}
