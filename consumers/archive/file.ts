import * as Effect from 'effect/Effect'
import { type FileHandle, open as openFile, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { type ArchiveUnavailable, ArchiveUnusable, InvalidOptions } from '../../core/errors.ts'
import { takeLock } from './file/lock.ts'
import { endsOf, type FilePosition, positionPath, readPosition, syncFolder } from './file/position-file.ts'
import { problemOf, unavailableOf, unusable } from './file/problems.ts'
import { FileWriter } from './file/writer.ts'
import type { ArchiveTarget } from './target.ts'

/** Where the archive is. */
export interface ArchiveFileOptions {
  /** The file, such as 'sessions.ndjson.gz'; made where there is none, in a folder that exists. */
  readonly path: string
}

/**
 * An archive in a file on a local disk: lines of JSON, gzip, to be read with `zcat`, readable for its owner only. Each batch
 * is a gzip member of its own. How far it has come stands beside it, in FILE.position, which is replaced when the batch
 * is on the disk; what a writer had not finished when it died is cut off. FILE.lock keeps two writers from one file.
 * The three belong together: move and copy them together, while nobody archives.
 */
export const archiveFile = (options: ArchiveFileOptions): ArchiveTarget => {
  // Plain JavaScript may pass anything.
  const path: unknown = (options as ArchiveFileOptions | undefined)?.path
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    const error = new InvalidOptions({ option: 'path', message: 'The option path of archiveFile must be the name of a file.' })
    return { name: 'of no name', open: Effect.fail(error) }
  }
  const name = resolve(path)
  return { name, open: open(name) }
}

const open = Effect.fnUntraced(function*(name: string) {
  // However it is called: two names of one file have one lock.
  const path = yield* attempt(name, () => realName(name))
  yield* Effect.acquireRelease(
    attempt(path, async () => {
      const release = takeLock(path)
      if (release instanceof ArchiveUnusable) throw release
      return release
    }),
    (release) => Effect.sync(release))
  const found = yield* attempt(path, () => readPosition(path))
  if (found instanceof ArchiveUnusable) return yield* found
  const file = yield* Effect.acquireRelease(
    attempt(path, () => openOrMake(path, found)),
    (file) => Effect.ignore(Effect.tryPromise(() => file.close())))
  const bytes = found?.bytes ?? 0
  yield* attempt(path, () => cutBack(path, file, found))
  const writer = new FileWriter(path, file, bytes, found !== null)
  return {
    state: found?.state ?? null,
    append: (lines: readonly string[], state: FilePosition['state']) => Effect.tryPromise({
      try: () => writer.append(lines, state), catch: (error) => unavailableOf(path, error)
    })
  }
})

const attempt = <A>(path: string, f: () => Promise<A>): Effect.Effect<A, ArchiveUnusable | ArchiveUnavailable> =>
  Effect.tryPromise({ try: f, catch: (error) => problemOf(path, error) })

const hasCode = (error: unknown, code: string): boolean => error instanceof Error && 'code' in error && error.code === code

const realName = async (name: string): Promise<string> => {
  try {
    return await realpath(name)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
    return join(await realpath(dirname(name)), basename(name))
  }
}

const openOrMake = async (path: string, found: FilePosition | null): Promise<FileHandle> => {
  try {
    return await openFile(path, 'r+')
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
  if (found !== null && found.bytes > 0) throw gone(path, found.bytes, 0)
  const file = await openFile(path, 'wx+', 0o600)
  await syncFolder(path)
  return file
}

const gone = (path: string, wanted: number, there: number): ArchiveUnusable => unusable(path,
  `it has ${there} bytes, and ${positionPath(path)} knows of ${wanted}: it was cut off, removed or replaced. Put it back `
  + 'from a copy, or archive to another file')

/** Takes away what is no part of the archive yet, once it is clear that the rest is. */
const cutBack = async (path: string, file: FileHandle, found: FilePosition | null): Promise<void> => {
  const stats = await file.stat()
  if (!stats.isFile()) throw unusable(path, 'it is not a regular file')
  if (found === null) {
    if (stats.size === 0) return
    throw unusable(path, `there is no ${positionPath(path)} beside it, so nobody knows how far it has come, or whether it is an `
      + 'archive at all. Put the position back from a copy, or archive to another file')
  }
  if (stats.size < found.bytes) throw gone(path, found.bytes, stats.size)
  if (await endsOf(file, found.bytes) !== found.ends) {
    throw unusable(path, `it does not end as ${positionPath(path)} says: it was changed or replaced. Put both back from a `
      + 'copy, or archive to another file')
  }
  if (stats.size === found.bytes) return
  await file.truncate(found.bytes)
  await file.sync()
}
