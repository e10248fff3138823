import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { StoredEvent } from '../../core/log/port.ts'

/** A line of an archive, as a reader of it would have it. */
export interface ArchivedLine {
  readonly partition?: number
  readonly offset?: number
  readonly event?: Readonly<Record<string, unknown>>
  readonly unreadable?: Readonly<Record<string, unknown>>
  readonly gap?: { readonly from: readonly number[]; readonly to: readonly number[]; readonly acceptedAt: number }
}

export const archivedText = (path: string): string => {
  const bytes = readFileSync(path)
  return bytes.length === 0 ? '' : gunzipSync(bytes).toString()
}

/** All lines. The text ends with a line end, or is empty. */
export const archivedLines = (path: string): readonly ArchivedLine[] => {
  const lines = archivedText(path).split('\n')
  if (lines.pop() !== '') throw new Error('the last line has no end')
  return lines.map((line) => JSON.parse(line) as ArchivedLine)
}

/** What the line of a record must say, told from the record by other means than the archive's own. */
export const expectedLine = ({ partition, offset, event }: StoredEvent): ArchivedLine => {
  const plain = JSON.parse(JSON.stringify(event)) as Record<string, unknown>
  if (plain['type'] === 'Unreadable') {
    delete plain['type']
    return { partition, offset, unreadable: plain }
  }
  delete plain['digest']
  return { partition, offset, event: plain }
}

/** Where an archive says that it ends. */
export const positionOf = (path: string): { readonly position: readonly number[]; readonly bytes: number } =>
  JSON.parse(readFileSync(`${path}.position`, 'utf8')) as { readonly position: readonly number[]; readonly bytes: number }
