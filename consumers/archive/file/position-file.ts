import { hash } from 'node:crypto'
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { ArchiveUnusable } from '../../../core/errors.ts'
import { readState } from '../state.ts'
import type { ArchiveState } from '../target.ts'
import { unusable } from './problems.ts'

/** What stands in FILE.position. */
export interface FilePosition {
  readonly state: ArchiveState
  /** So long is the file; what stands behind is of a batch that was not finished. */
  readonly bytes: number
  /** The last 8 bytes of it, in hex (a check sum and a length, by gzip): so another file is not taken for it. */
  readonly ends: string
}

const version = 1
const lengthMax = 1_048_576

export const positionPath = (path: string): string => `${path}.position`

const render = ({ state: { source, position, marks }, bytes, ends }: FilePosition): string => {
  const body = JSON.stringify({ version, source, position, marks, bytes, ends })
  return `${JSON.stringify({ ...JSON.parse(body) as object, check: hash('sha256', body) })}\n`
}

const parse = (text: string): FilePosition | 'newer' | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { check, ...body } = value as { readonly [name: string]: unknown }
  if (check !== hash('sha256', JSON.stringify(body))) return undefined
  if (body['version'] !== version) return 'newer'
  const state = readState(body)
  const { bytes, ends } = body
  return state !== undefined && Number.isSafeInteger(bytes) && typeof ends === 'string'
    ? { state, bytes: bytes as number, ends }
    : undefined
}

/** The position of an archive, null where there is none, or why it cannot be gone by. */
export const readPosition = async (path: string): Promise<FilePosition | null | ArchiveUnusable> => {
  let text: string
  try {
    text = await readFile(positionPath(path), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
  const found = text.length > lengthMax ? undefined : parse(text)
  if (found === 'newer') return unusable(path, 'a newer version of curfew has written it. Install that one')
  return found ?? unusable(path, `${positionPath(path)} is damaged, so nobody knows how far it has come. Put it back from a `
    + 'copy that was made together with the archive, or archive to another file')
}

/** Makes what a folder says of its files durable. */
export const syncFolder = async (path: string): Promise<void> => {
  await using folder = await open(dirname(path), 'r')
  await folder.sync()
}

/** Writes the new position beside the old one, durably; `replace` puts it in its place. */
export const writePosition = async (path: string, position: FilePosition): Promise<{ readonly replace: () => Promise<void> }> => {
  const temporary = `${positionPath(path)}.new`
  await rm(temporary, { force: true })
  await using file = await open(temporary, 'wx', 0o600)
  await file.writeFile(render(position))
  await file.sync()
  return {
    replace: async () => {
      await rename(temporary, positionPath(path))
      await syncFolder(path)
    }
  }
}

/** The last 8 bytes of the first so many, in hex; empty where there are none. */
export const endsOf = async (file: FileHandle, bytes: number): Promise<string> => {
  const length = Math.min(8, bytes)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, bytes - length)
  return buffer.subarray(0, bytesRead).toString('hex')
}
