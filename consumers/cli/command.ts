import type { ParseArgsOptionsConfig } from 'node:util'

/** What a command has of the world. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  /** A line of its answer. */
  readonly say: (line: string) => void
  /** A line about how it went. */
  readonly complain: (line: string) => void
  /** Where somebody watches it: undefined where nobody does. */
  readonly terminal: { readonly write: (text: string) => void } | undefined
  /** Aborts when it is to stop: it leaves things so that they can be gone on with, and returns. */
  readonly signal: AbortSignal
}

/** What was given to the options that a command has. */
export type Values = Readonly<Record<string, string | boolean | ReadonlyArray<string | boolean> | undefined>>

/** One thing that `curfew` does. */
export interface Command {
  /** In a line, for the list. */
  readonly line: string
  /** What stands behind the name: the options, one a line, each with its meaning. */
  readonly usage: string
  readonly options: ParseArgsOptionsConfig
  /** Resolves to the exit code. Rejects with `WrongUse` or whatever it failed of. */
  readonly run: (values: Values, world: World) => Promise<number>
}

/** The command line, or what it refers to, is not as it must be. The message never repeats what may be a secret. */
export class WrongUse extends Error {}

/** The exit codes. A command that was stopped before its end has the one of the signal, as shells have it. */
export const exitCodes = { good: 0, failed: 1, wrongUse: 2 } as const

/** What was given to an option that a text belongs to. */
export const textOf = (values: Values, option: string): string | undefined => {
  const value = values[option]
  return typeof value === 'string' ? value : undefined
}

/** The same, where there has to be one. */
export const neededText = (values: Values, option: string, such: string): string => {
  const text = textOf(values, option)
  if (text === undefined || text === '') throw new WrongUse(`--${option} is missing: such as --${option} ${such}`)
  return text
}
