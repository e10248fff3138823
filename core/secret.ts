import type * as Config from 'effect/Config'
import * as Effect from 'effect/Effect'
import * as Redacted from 'effect/Redacted'
import { InvalidOptions } from './errors.ts'

/**
 * A secret: as it is, or as a `Redacted`, which does not show where the options are printed, or as a `Config`, which is
 * read when the layer is built, by default from the environment.
 */
export type Secret<A> = A | Redacted.Redacted<A> | Config.Config<A | Redacted.Redacted<A>>

type Fields = { readonly [name: string]: unknown }

/** What the app has put into an object of its own making, and no instance of a class. */
const isPlain = (value: unknown): value is Fields => {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
const isWrapped = (value: unknown): boolean => Redacted.isRedacted(value) || Effect.isEffect(value)
/** Options are not deeper than that; what goes round in a circle is. */
const depthMax = 8
const holdsSecret = (value: unknown, depth = 0): boolean => isWrapped(value)
  || (isPlain(value) && depth < depthMax && Object.values(value).some((inner) => holdsSecret(inner, depth + 1)))

/** The variable's name. What was found there may be half of the secret, so no more of the reason is told. */
const variable = (error: unknown): string => {
  const name = /at ((?:\["[\w.-]+"\])+)/.exec(String(error))?.[1]
  return name === undefined ? '' : `: look at ${name.slice(2, -2).replaceAll('"]["', '_')}`
}

const open = (option: string, value: unknown): Effect.Effect<unknown, InvalidOptions> => {
  if (Redacted.isRedacted(value)) return Effect.succeed(Redacted.value(value))
  if (Effect.isEffect(value)) {
    return Effect.matchEffect(value as Effect.Effect<unknown, unknown>, {
      onFailure: (error) => Effect.fail(new InvalidOptions({
        option, message: `The option ${option} could not be read from the configuration${variable(error)}.`
      })),
      onSuccess: (found) => open(option, found)
    })
  }
  return isPlain(value) && option.split('.').length < depthMax ? openAll(value, `${option}.`) : Effect.succeed(value)
}

const openAll = (options: Fields, within: string): Effect.Effect<Fields, InvalidOptions> =>
  holdsSecret(options)
    ? Effect.map(
      Effect.forEach(Object.entries(options), ([name, value]) =>
        Effect.map(open(within + name, value), (plain) => [name, plain] as const)),
      Object.fromEntries)
    : Effect.succeed(options)

/**
 * What `check` makes of the options with every wrapped secret in them as it is: at once where none is wrapped, else when
 * this runs. Fails where one cannot be read.
 */
export const revealed = <Checked>(
  options: unknown, check: (plain: unknown) => Checked | InvalidOptions
): Effect.Effect<Checked, InvalidOptions> => {
  const finish = (plain: unknown): Effect.Effect<Checked, InvalidOptions> => {
    const checked = check(plain)
    return checked instanceof InvalidOptions ? Effect.fail(checked) : Effect.succeed(checked)
  }
  return isPlain(options) && holdsSecret(options) ? Effect.flatMap(openAll(options, ''), finish) : finish(options)
}
