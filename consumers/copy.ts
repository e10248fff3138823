import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import { InvalidOptions } from '../core/errors.ts'
import { systemWorld } from './effect.ts'
import { copyLog as copyLogEffect, type Copied, type CopyOptions } from './moving/copy.ts'

export type { Copied, CopyError, CopyOptions, CopyProgress, NamedLog } from './moving/copy.ts'

/**
 * Moves the sessions of a cluster from one log to another, with no logout: copies all events, seals the log that they came
 * from, copies what came before the seal, and says in the other one that it is whole. The nodes of the cluster must have been
 * started with `log` and `movingFrom`; they go over by themselves.
 *
 * Killed or aborted at any moment it may be run again, and goes on where it was; once it is finished, it does nothing. After the
 * seal nobody can write until it is finished. Rejects with a `CopyError`, or with the reason of `signal`.
 */
export const copyLog = async (options: CopyOptions & { readonly signal?: AbortSignal }): Promise<Copied> => {
  const signal = (options as { readonly signal?: AbortSignal } | null)?.signal
  if (signal !== undefined && !(signal as unknown instanceof AbortSignal)) {
    throw new InvalidOptions({ option: 'signal', message: 'The option signal of copyLog must be an AbortSignal.' })
  }
  const exit = await Effect.runPromiseExit(copyLogEffect(options, systemWorld), signal === undefined ? {} : { signal })
  if (Exit.isSuccess(exit)) return exit.value
  throw signal?.aborted === true && Cause.hasInterruptsOnly(exit.cause) ? signal.reason : Cause.squash(exit.cause)
}
