import { ArchiveUnavailable, ArchiveUnusable } from '../../../core/errors.ts'
import { messageOf } from '../../../core/message-of.ts'

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

/** What cannot be written however often it is tried, and what to do. */
const lasting: { readonly [code: string]: string } = {
  ENOENT: 'there is no such folder: make it first',
  ENOTDIR: 'a part of its path is a file',
  EISDIR: 'it is a folder: give the name of a file in it',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'its disk can only be read',
  ELOOP: 'its links lead nowhere',
  ENAMETOOLONG: 'its name is too long'
}
const passing: { readonly [code: string]: string } = {
  ENOSPC: 'its disk is full: make room, and start again',
  EDQUOT: 'its quota is used up: make room, and start again',
  EFBIG: 'it is as large as a file may be here: raise the limit, and start again'
}

/** What an operation on a file has failed of. */
export const problemOf = (path: string, error: unknown): ArchiveUnusable | ArchiveUnavailable => {
  if (error instanceof ArchiveUnusable || error instanceof ArchiveUnavailable) return error
  const code = codeOf(error)
  const why = lasting[code]
  return why === undefined ? unavailableOf(path, error) : unusable(path, `${why} (${messageOf(error)})`, error)
}

/** The same, of an archive that was open. */
export const unavailableOf = (path: string, error: unknown): ArchiveUnavailable => {
  const why = passing[codeOf(error)] ?? 'the operating system refused it. Look at the disk, and start again'
  return new ArchiveUnavailable({
    message: `The archive ${path} cannot be written now: ${why} (${messageOf(error)}). What it holds is whole.`, cause: error
  })
}

export const unusable = (path: string, why: string, cause?: unknown): ArchiveUnusable => new ArchiveUnusable({
  message: `The archive ${path} cannot be used: ${why}.`, ...(cause === undefined ? {} : { cause })
})
