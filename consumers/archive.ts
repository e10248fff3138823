import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import { InvalidOptions } from '../core/errors.ts'
import { archive as archiveEffect } from './archive/archive.ts'
import type { ArchiveOptions, ArchiveProgress } from './archive/options.ts'

export { archiveFile, type ArchiveFileOptions } from './archive/file.ts'
export type { ArchiveError } from './archive/archive.ts'
export type { Omission } from './archive/line.ts'
export type { ArchiveOptions, ArchiveProgress } from './archive/options.ts'
export { archiveTopic } from './archive/topic.ts'
export type { ArchiveTopicOptions } from './archive/topic/options.ts'
export type { KafkaConnectOptions, KafkaSocketRequest } from '../core/kafka/options.ts'
export type { ArchiveMark, ArchiveSource, ArchiveState, ArchiveTarget, OpenArchive } from './archive/target.ts'

const aborted = (signal: AbortSignal): Effect.Effect<void> => Effect.callback((resume) => {
  if (signal.aborted) return resume(Effect.void)
  const stop = (): void => resume(Effect.void)
  signal.addEventListener('abort', stop, { once: true })
  return Effect.sync(() => signal.removeEventListener('abort', stop))
})

/**
 * Copies what the log has and the archive does not have yet: each event once, in order, without the digests of tokens.
 * Resolves at the end that the log had when it began; with `follow` only when `signal` aborts. Then what was read is
 * written first. Killed at any moment it leaves an archive that is whole, and the next run goes on with it. Rejects with
 * an `ArchiveError`.
 */
export const archive = async (
  options: ArchiveOptions & { readonly signal?: AbortSignal }
): Promise<ArchiveProgress> => {
  const signal = (options as { readonly signal?: AbortSignal } | null)?.signal
  if (signal !== undefined && !(signal as unknown instanceof AbortSignal)) {
    throw new InvalidOptions({ option: 'signal', message: 'The option signal of archive must be an AbortSignal.' })
  }
  const exit = await Effect.runPromiseExit(archiveEffect(options, signal === undefined ? Effect.never : aborted(signal)))
  if (Exit.isSuccess(exit)) return exit.value
  throw Cause.squash(exit.cause)
}
