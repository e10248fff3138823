import * as Effect from 'effect/Effect'
import * as Stream from 'effect/Stream'
import { ArchiveUnusable, type LogDamaged, type LogUnavailable } from '../../core/errors.ts'
import type { EventLogShape, StoredEvent } from '../../core/log/port.ts'
import { type Position, position, reaches, start } from '../../core/log/position.ts'
import type { Gap } from './line.ts'
import { beforeMarks } from './state.ts'
import type { ArchiveSource, ArchiveState } from './target.ts'

type Firsts = ReadonlyMap<number, StoredEvent>

/** The first record behind a place of each of so many partitions, as far as they have one. */
const firstsBehind = (
  log: EventLogShape, from: Position, partitions: number
): Effect.Effect<Firsts, LogUnavailable | LogDamaged> => Effect.suspend(() => {
  const found = new Map<number, StoredEvent>()
  return Stream.runForEachWhile(log.read(from), (records) => Effect.sync(() => {
    for (const record of records) if (!found.has(record.partition)) found.set(record.partition, record)
    return found.size < partitions
  })).pipe(Effect.as(found))
})

const nameOf = ({ kind, name }: ArchiveSource): string => `${kind} ${name}`

const another = (archive: string, source: ArchiveSource, state: ArchiveState, why: string): ArchiveUnusable =>
  new ArchiveUnusable({
    message: `The archive ${archive} is of the log ${nameOf(state.source)}, and ${nameOf(source)} is another, or an older `
      + `copy of it: ${why}. Give the log that it was begun with, or archive this one to another place.`
  })

/**
 * Whether the log is the one that the archive was made of: told by the last record that both must have. Where the log
 * has forgotten that one, its name decides.
 */
export const checkSource = Effect.fnUntraced(function*(
  archive: string, log: EventLogShape, source: ArchiveSource, state: ArchiveState
) {
  const { marks } = state
  if (source.kind !== state.source.kind) return yield* another(archive, source, state, 'it is of another kind')
  const firsts = marks.length === 0 ? undefined : yield* firstsBehind(log, beforeMarks(state), marks.length).pipe(
    Effect.catchTag('LogDamaged', () => Effect.succeed(undefined)))
  let known = 0
  for (const mark of marks) {
    const found = firsts?.get(mark.partition)
    if (found?.offset !== mark.offset) continue
    if (found.event.type === 'Unreadable') continue
    if (found.event.at !== mark.at || found.event.command !== mark.command) {
      return yield* another(archive, source, state, `its record ${mark.offset} is not the one that was archived`)
    }
    known++
  }
  const begun = state.position.some((count) => count > 0)
  if (known === 0 && begun && source.name !== state.source.name) {
    return yield* another(archive, source, state, 'it does not have the record that was archived last')
  }
})

/**
 * What is missing between a place and the first record that the log still has, where that is why it cannot be read from
 * there. Fails with the damage itself where it is another.
 */
export const gapBehind = Effect.fnUntraced(function*(
  archive: string, log: EventLogShape, source: ArchiveSource, state: ArchiveState, damage: LogDamaged
) {
  const head = yield* log.head
  const from = state.position
  const firsts = yield* firstsBehind(log, start, Math.max(1, head.length)).pipe(
    Effect.catchTag('LogDamaged', () => Effect.fail(damage)))
  if (firsts.size > 0 && !reaches(head, from)) {
    return yield* another(archive, source, state, `it ends at ${JSON.stringify(head)}, and the archive at ${JSON.stringify(from)}`)
  }
  const to = head.map((end, partition) => {
    const first = firsts.get(partition)?.offset ?? end
    return Math.max(from[partition] ?? 0, first)
  })
  const gap: Gap = { from, to: position(to) }
  return reaches(from, gap.to) ? yield* damage : gap
})
