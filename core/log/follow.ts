import * as Effect from 'effect/Effect'
import * as Stream from 'effect/Stream'
import type { LogDamaged, LogUnavailable } from '../errors.ts'
import type { Bell } from './bell.ts'
import type { StoredEvent } from './port.ts'

/** Some records behind a place, in order, and how it goes on. */
export interface Page<Cursor> {
  readonly records: readonly StoredEvent[]
  readonly next: Cursor
  /** Whether more stood behind these records when they were read. */
  readonly more: boolean
  /** What stands right behind these records and cannot be trusted. */
  readonly damaged: LogDamaged | null
}

/** Reads the page behind a place. */
export type Fetch<Cursor> = (cursor: Cursor) => Effect.Effect<Page<Cursor>, LogUnavailable | LogDamaged>

type Batch = readonly StoredEvent[]
type Batches = Stream.Stream<Batch, LogUnavailable | LogDamaged>

interface State<Cursor> {
  readonly cursor: Cursor
  readonly more: boolean
  readonly damaged: LogDamaged | null
  /** Where the bell was before the page was read. */
  readonly heard: number
}

const after = <Cursor>(page: Page<Cursor>, heard: number): State<Cursor> =>
  ({ cursor: page.next, more: page.more, damaged: page.damaged, heard })

/** Every page from `from` on, to the one behind which nothing stands. Between pages the event loop gets its turn. */
export const pages = <Cursor>(from: Cursor, fetch: Fetch<Cursor>): Batches =>
  Stream.unfold<State<Cursor> | null, Batch, LogUnavailable | LogDamaged, never>(
    null,
    Effect.fnUntraced(function*(state) {
      if (state !== null) {
        if (state.damaged !== null) return yield* state.damaged
        if (!state.more) return undefined
        yield* Effect.yieldNow
      }
      const page = yield* fetch(state === null ? from : state.cursor)
      if (page.records.length > 0) return [page.records, after(page, 0)] as const
      return page.damaged === null ? undefined : yield* page.damaged
    })
  )

/**
 * Every page from `from` on, without end: where nothing more stands it waits for the bell. Catching up and living on
 * are one loop, and the bell is noted before the log is read: so nothing is lost or repeated where the one passes into
 * the other.
 */
export const follow = <Cursor>(from: Cursor, fetch: Fetch<Cursor>, bell: Bell): Batches =>
  Stream.unfold<State<Cursor> | null, Batch, LogUnavailable | LogDamaged, never>(
    null,
    Effect.fnUntraced(function*(state) {
      if (state !== null) {
        if (state.damaged !== null) return yield* state.damaged
        yield* state.more ? Effect.yieldNow : bell.after(state.heard)
      }
      const cursor = state === null ? from : state.cursor
      for (;;) {
        const heard = bell.count()
        const page = yield* fetch(cursor)
        if (page.records.length > 0) return [page.records, after(page, heard)] as const
        if (page.damaged !== null) return yield* page.damaged
        yield* bell.after(heard)
      }
    })
  )
