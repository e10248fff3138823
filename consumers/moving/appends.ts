import type { DomainEvent } from '../../core/domain/events.ts'
import { patchesMax } from '../../core/domain/session.ts'
import { encodeText } from '../../core/log/codec.ts'

const eventsMax = 500
/** Every log takes so much at once: a character takes three bytes at most. */
const charactersMax = 200_000

/**
 * What is appended at once. An append whose answer was lost is done again, so no part holds more than `patchesMax`
 * patches of a session: the fold knows so many again.
 */
export const appendsOf = (events: readonly DomainEvent[]): readonly (readonly DomainEvent[])[] => {
  const parts: DomainEvent[][] = []
  let part: DomainEvent[] = []
  let characters = 0
  const patches = new Map<string, number>()
  for (const event of events) {
    const length = encodeText(event).length
    const patched = event.type === 'AttributesChanged' ? (patches.get(event.session) ?? 0) + 1 : 0
    if (part.length > 0 && (part.length === eventsMax || characters + length > charactersMax || patched > patchesMax)) {
      parts.push(part)
      part = []
      characters = 0
      patches.clear()
    }
    part.push(event)
    characters += length
    if (event.type === 'AttributesChanged') patches.set(event.session, (patches.get(event.session) ?? 0) + 1)
  }
  if (part.length > 0) parts.push(part)
  return parts
}
