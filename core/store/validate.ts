import type { Refusal, Verdict } from '../domain/verdict.ts'
import type { Fence } from './fence.ts'
import type { SessionIndex } from './ports.ts'
import type { TrustedTime } from './trusted-time.ts'

const stale: Verdict = Object.freeze({ ok: false, reason: 'stale' as const })

/** What stays true whatever this node has missed. All else may have changed since. */
const isFinal = (reason: Refusal): boolean =>
  reason === 'malformed' || reason === 'ended' || reason === 'absolute'

/**
 * The hot path: one reading of the clock, the fence, one look into the index. Synchronous, no I/O, never throws.
 * A node behind its fence answers `stale`, except where its answer is a refusal that cannot change any more.
 */
export const makeValidate = (index: SessionIndex, fence: Fence, time: TrustedTime) =>
  (token: unknown, options?: { readonly touch?: boolean } | null): Verdict => {
    const monotonic = time.monotonic()
    const now = time.at(monotonic)
    if (fence.refuses(monotonic, now)) {
      const verdict = index.check(token, now, false)
      return verdict.ok || !isFinal(verdict.reason) ? stale : verdict
    }
    return index.check(token, now, options === undefined || options === null || options.touch !== false)
  }
