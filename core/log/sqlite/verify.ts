import * as Effect from 'effect/Effect'
import { InvalidOptions, type LogUnavailable, type LogUnusable } from '../../errors.ts'
import { decodeText } from '../codec.ts'
import { position, type Position } from '../position.ts'
import type { KeyObject } from 'node:crypto'
import { firstAnchor, isSigned } from './anchor.ts'
import { toHex, type Place } from './chain.ts'
import { failureOf, type Failure } from './classify.ts'
import { openReader } from './format.ts'
import { checkPath } from './options.ts'
import { checkKey } from '../../key.ts'
import { revealed, type Secret } from '../../secret.ts'
import { openError } from './problem.ts'
import { brokenRecord } from './reader.ts'
import { Records } from './records.ts'

/** What a check of the whole chain found. */
export interface Verification {
  /** Whether every record is as it was written, and in its place. */
  readonly intact: boolean
  /** How many records were found good, from the first one that is kept on. */
  readonly records: number
  /** How many are gone because they were too old to be kept. */
  readonly pruned: number
  /** The place behind the last good record: where the log breaks, or its end. */
  readonly position: Position
  /**
   * The hash of the last good record, in hex. A chain cannot show that its end was cut off, or all of it written anew:
   * for that, keep this hash elsewhere, and compare it with the one of the same position later.
   */
  readonly hash: string
  /** How many of the good records this version cannot read: of a newer version or kind. */
  readonly unreadable: number
  /** What is wrong with the next record, or null. */
  readonly problem: string | null
}

/** What a check of a log may go by. */
export interface VerifyOptions {
  /** The one that the log's nodes have: with it, a beginning that was cut off is told from one that was pruned. */
  readonly key?: Secret<string | Uint8Array>
}

/**
 * Checks a log file from its first record to its last: each one's number, and its hash over the one before. The log may
 * be in use meanwhile, by this process too; what is appended after the check began is left out.
 */
export const verifyLog = (
  path: string, options: VerifyOptions = {}
): Effect.Effect<Verification, InvalidOptions | LogUnusable | LogUnavailable> =>
  Effect.flatMap(revealed(options, keyIn), (key): Effect.Effect<Verification, InvalidOptions | LogUnusable | LogUnavailable> => {
    const checked = checkPath(path)
    if (checked instanceof InvalidOptions) return Effect.fail(checked)
    const opened = openReader(checked)
    if (!opened.ok) return Effect.fail(openError(opened.failure))
    return Effect.mapError(verify(checked, new Records(opened.db), key), openError).pipe(
      Effect.ensuring(Effect.sync(() => opened.db.close())))
  })

const keyIn = (options: unknown): ReturnType<typeof checkKey> => checkKey((options as VerifyOptions).key)

/** Where the chain begins, and what is wrong with that. */
const beginning = (path: string, records: Records, key: KeyObject | undefined) =>
  Effect.map(ask(path, () => records.anchor()), (found) => ({
    anchor: found ?? firstAnchor,
    problem: found === undefined
      ? `The log ${path} does not say where it begins: its anchor is damaged.`
      : key !== undefined && !isSigned(key, found)
        ? `The log ${path} begins behind record ${found.seq}, and no node with this key has pruned it.`
        : null
  }))

const verify = Effect.fnUntraced(function*(path: string, records: Records, key: KeyObject | undefined) {
  const last = yield* ask(path, () => records.bound())
  let { anchor, problem } = yield* beginning(path, records, key)
  let place: Place = anchor
  let unreadable = 0
  for (let more = true; more && problem === null;) {
    const texts = yield* ask(path, () => records.behind(place, last, true))
    for (const body of texts.bodies) if (decodeText(body).type === 'Unreadable') unreadable++
    place = texts.end
    more = texts.more
    if (texts.broken === 'pruned') {
      // Meanwhile, by a node: the log begins later now.
      ;({ anchor, problem } = yield* beginning(path, records, key))
      ;[place, unreadable, more] = [anchor, 0, true]
    } else if (texts.broken !== null) problem = brokenRecord(path, place.seq, texts.broken)
    yield* Effect.yieldNow
  }
  return {
    intact: problem === null,
    records: place.seq - anchor.seq,
    pruned: anchor.seq,
    position: position([place.seq]),
    hash: toHex(place.hash),
    unreadable,
    problem
  }
})

const ask = <A>(path: string, f: () => A): Effect.Effect<A, Failure> =>
  Effect.try({ try: f, catch: (error) => failureOf(path, error) })
