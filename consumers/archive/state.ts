import type { StoredEvent, LogStatus } from '../../core/log/port.ts'
import { isPosition, past, type Position, start } from '../../core/log/position.ts'
import type { ArchiveMark, ArchiveSource, ArchiveState } from './target.ts'

/** What a log says of itself: the file, stream or topic that its records are in. */
export const sourceOf = ({ kind, details }: LogStatus): ArchiveSource =>
  ({ kind, name: String(details['path'] ?? details['stream'] ?? details['topic'] ?? '') })

/** Of an archive with nothing in it. */
export const emptyState = (source: ArchiveSource): ArchiveState => ({ source, position: start, marks: [] })

/** The state behind a record. What cannot be read now may be readable to a later version, so it is no mark. */
export const behindRecord = (state: ArchiveState, { partition, offset, event }: StoredEvent): ArchiveState => {
  const position = past(state.position, partition, offset)
  if (event.type === 'Unreadable') return { ...state, position }
  const mark: ArchiveMark = { partition, offset, at: event.at, command: event.command }
  const others = state.marks.filter((other) => other.partition !== partition)
  return { ...state, position, marks: others.length === 0 ? [mark] : [...others, mark] }
}

/** The state behind a gap: where something is gone, the log cannot be known again by what stood before. */
export const behindGap = (state: ArchiveState, to: Position): ArchiveState => ({
  ...state,
  position: to,
  marks: state.marks.filter(({ partition }) => (state.position[partition] ?? 0) === (to[partition] ?? 0))
})

type Fields = { readonly [name: string]: unknown }
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && value as number >= 0

const isSource = (value: unknown): value is ArchiveSource =>
  isObject(value) && typeof value['kind'] === 'string' && typeof value['name'] === 'string'
const isMark = (value: unknown): value is ArchiveMark => isObject(value) && isCount(value['partition'])
  && isCount(value['offset']) && isCount(value['at']) && typeof value['command'] === 'string'

/** The state that somebody has stored, or undefined: it is none. */
export const readState = (value: unknown): ArchiveState | undefined => {
  if (!isObject(value)) return undefined
  const { source, position, marks } = value
  return isSource(source) && isPosition(position) && Array.isArray(marks) && marks.every(isMark)
    ? { source, position, marks }
    : undefined
}

/** The place before the last readable record of each partition that has one; elsewhere the place behind all. */
export const beforeMarks = ({ position, marks }: ArchiveState): Position => {
  const counts = [...position]
  for (const { partition, offset } of marks) counts[partition] = offset
  return isPosition(counts) ? counts : start
}
