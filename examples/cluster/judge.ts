/**
 * What counts as a wrong verdict. Nothing here is a matter of luck: each rule is a guarantee of the library, and each
 * verdict is one that a node's own `validate` gave, with the time of the call by the machine's one clock.
 *
 * Of a session that was ended, `called` being when `revoke` was called and `acknowledged` when it had resolved:
 * - `after-confirmed`: accepted after `acknowledged`, the revocation having been asked for with confirm: 'cluster'.
 * - `after-own`: accepted after `acknowledged` by the node that revoked it.
 * - `past-the-bound`: accepted by any node later than maxStaleness after `acknowledged`.
 * - `risen`: accepted after the same node had refused it as ended.
 * Of a session that was live:
 * - `live-refused`: refused before `called`, for whatever reason, by a node that had accepted it, or by a node that was
 *   asked with `authenticate`, which catches up with the log before it calls a token unknown.
 *
 * Not wrong, because nothing else is promised: with the default confirm: 'durable', another node accepts the session
 * for the few ms until the broadcast or the log reaches it. That time is the revocation latency in the table, and the
 * acceptances after the acknowledgement are shown as such.
 */
import type { Sighting } from './witness.ts'

export type WrongKind = 'after-confirmed' | 'after-own' | 'past-the-bound' | 'risen' | 'live-refused'

/** How a session was ended. */
export interface Ending {
  readonly id: string
  readonly revokedBy: string
  readonly confirm: 'durable' | 'cluster'
  readonly called: number
  readonly acknowledged: number
}

/** An acceptance at `at` on `node`, of a session that was ended: which guarantee it breaks, if any. */
export const wrongAcceptance = (
  ending: Ending, node: string, at: number, maxStalenessMs: number
): WrongKind | undefined => {
  if (at <= ending.acknowledged) return undefined
  if (ending.confirm === 'cluster') return 'after-confirmed'
  if (node === ending.revokedBy) return 'after-own'
  return at > ending.acknowledged + maxStalenessMs ? 'past-the-bound' : undefined
}

const final: ReadonlySet<string> = new Set(['ended', 'idle', 'absolute', 'superseded'])

/** Everything that is wrong about what one node has answered about one session. */
export const wrongSightings = (
  ending: Ending, node: string, sighting: Sighting, maxStalenessMs: number
): readonly WrongKind[] => {
  const wrong: WrongKind[] = []
  const { firstAcceptedAt, lastAcceptedAt, firstRefusedAt, answers } = sighting
  if (firstAcceptedAt !== null && firstRefusedAt !== null && firstRefusedAt < ending.called) wrong.push('live-refused')
  const late = lastAcceptedAt === null ? undefined : wrongAcceptance(ending, node, lastAcceptedAt, maxStalenessMs)
  if (late !== undefined) wrong.push(late)
  const ended = answers.findIndex(({ answer }) => final.has(answer))
  if (ended >= 0 && answers.slice(ended).some(({ answer }) => answer === 'ok')) wrong.push('risen')
  return wrong
}
