import { DomainEvent } from '../../core/domain/events.ts'
import { Digest } from '../../core/domain/ids.ts'
import type { StoredEvent } from '../../core/log/port.ts'
import type { Position } from '../../core/log/position.ts'

/** What may be left out of an archive, and the fields of events that this means. */
const fieldsOf = {
  attributes: ['attributes', 'patch'],
  device: ['device'],
  evidence: ['evidence'],
  seen: ['seen']
} as const

/** A part of the events that an archive can do without. */
export type Omission = keyof typeof fieldsOf
export const omissions = Object.keys(fieldsOf) as readonly Omission[]

/** The fields that hold a digest of a token. An archive is for people and never for replay: it holds none. */
const digests: readonly string[] = [...new Set(DomainEvent.members.flatMap(({ fields }) =>
  Object.entries(fields).flatMap(([name, schema]: readonly [string, unknown]) => schema === Digest ? [name] : [])))]

/** Writes records as lines of JSON, without what is left out. */
export const lineWriter = (without: readonly Omission[]): (record: StoredEvent) => string => {
  const hidden = new Set<string>([...digests, ...without.flatMap((omission) => fieldsOf[omission])])
  return ({ partition, offset, event }) => {
    // Why it cannot be read, and never what stands there: nobody knows what that is.
    if (event.type === 'Unreadable') {
      const { type: _, ...unreadable } = event
      return JSON.stringify({ partition, offset, unreadable })
    }
    const shown: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(event)) if (!hidden.has(name)) shown[name] = value
    return JSON.stringify({ partition, offset, event: shown })
  }
}

/** Records that the log had forgotten before they were archived: those from one place up to another. */
export interface Gap {
  readonly from: Position
  readonly to: Position
}

/** Says in the archive that somebody has accepted the gap. `at`: wall clock, ms. */
export const gapLine = ({ from, to }: Gap, at: number): string => JSON.stringify({ gap: { from, to, acceptedAt: at } })
