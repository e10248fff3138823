import { schemaVersion } from './events.ts'

type Raw = { readonly [key: string]: unknown }

/** From version n to n + 1, by n. There is one version yet. */
const steps: ReadonlyArray<(raw: Raw) => Raw> = []

/**
 * Brings an event of an older version up to the one that this code folds. What is no older event comes back as it is.
 */
export const upcast = (raw: unknown): unknown => {
  if (typeof raw !== 'object' || raw === null) return raw
  let event = raw as Raw
  while (typeof event['v'] === 'number' && event['v'] < schemaVersion) {
    const step = steps[event['v'] - 1]
    if (step === undefined) return event
    event = step(event)
  }
  return event
}
