import type { Failure } from './classify.ts'

/** To the writer's thread. Records are texts already: strings are the cheapest that can cross. */
export type ToWriter =
  /** Several appends, one after the other in `bodies`; `counts` says how many records each has. */
  | { readonly kind: 'append'; readonly bodies: readonly string[]; readonly counts: readonly number[] }
  /** Close once everything before is done. */
  | { readonly kind: 'close' }

/** From the writer's thread. Appends are answered in their order, several at once. */
export type FromWriter =
  | { readonly kind: 'opened' }
  /** The file could not be opened; the thread ends. */
  | { readonly kind: 'refused'; readonly failure: Failure }
  /** The next `appends` of those not yet answered stand, the first of their records as number `first`. */
  | { readonly kind: 'committed'; readonly appends: number; readonly first: number }
  /** The next `appends` of those not yet answered failed. */
  | { readonly kind: 'failed'; readonly appends: number; readonly failure: Failure }

/** What the writer's thread is started with. */
export interface WriterData {
  readonly path: string
}
