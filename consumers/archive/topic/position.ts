import * as Effect from 'effect/Effect'
import { hash } from 'node:crypto'
import type { Trouble } from '../../../core/kafka/trouble.ts'
import { readState } from '../state.ts'
import type { ArchiveState } from '../target.ts'
import type { Standing } from './api.ts'

/** What stands in the topic of the position: its last record that was committed counts. */
export interface TopicPosition {
  /** null: nothing is in the archive yet. */
  readonly state: ArchiveState | null
  /** The offset behind the last line. */
  readonly end: number
  /** A digest of the last line, so that another topic of the name is not taken for this one. */
  readonly last: string
}

const version = 1
export const positionKey = 'position'

export const digestOf = (line: string): string => hash('sha256', line)

export const render = ({ state, end, last }: TopicPosition): string => JSON.stringify({ version, end, last, state })

/** What a record of the topic says. */
export const parse = (text: string): TopicPosition | 'newer' | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { version: found, end, last, state: given } = value as { readonly [name: string]: unknown }
  if (typeof found === 'number' && found > version) return 'newer'
  const state = given === null ? null : readState(given)
  return state !== undefined && Number.isSafeInteger(end) && typeof last === 'string' ? { state, end: end as number, last } : undefined
}

/** So many offsets from the end are looked at first. The last record nearly always stands there. */
const lookedAtFirst = 64

/**
 * The last record of a transaction that was committed, between two offsets, or undefined: there is none. One writer at a
 * time writes there, so the next mark behind a record is that of its transaction.
 */
export const lastCommitted = (
  from: number, end: number, read: (offset: number) => Effect.Effect<readonly Standing[], Trouble>
): Effect.Effect<string | undefined, Trouble> => {
  const within = (first: number): Effect.Effect<string | undefined, Trouble> => Effect.gen(function*() {
    let open: string | undefined
    let committed: string | undefined
    for (let next = first; next < end;) {
      const found = (yield* read(next)).filter(({ offset }) => offset >= next)
      for (const record of found) {
        if (record.mark === null) open = record.text
        else {
          if (record.mark === 'commit') committed = open ?? committed
          open = undefined
        }
      }
      // What compaction has emptied answers with nothing.
      next = (found.at(-1)?.offset ?? next) + 1
    }
    return committed
  })
  const look = (count: number): Effect.Effect<string | undefined, Trouble> => {
    const first = Math.max(from, end - count)
    return Effect.flatMap(within(first), (found) =>
      found !== undefined || first === from ? Effect.succeed(found) : look(count * 8))
  }
  return look(lookedAtFirst)
}
