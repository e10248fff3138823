import { parseArgs } from 'node:util'

/** What the command line asks for. */
export type Asked =
  | { readonly kind: 'list' }
  | {
    readonly kind: 'run'
    readonly name: string
    readonly sessions: number | undefined
    readonly rounds: number | undefined
    readonly json: string | undefined
    readonly quick: boolean
  }
  | { readonly kind: 'wrong'; readonly message: string }

export const usage = `npm run bench                 lists the cases
npm run bench -- CASE         runs one
  --sessions N                with so many sessions
  --rounds N                  with so many rounds
  --json FILE                 writes the report to a file too
  --quick                     small, to see that the case works; its numbers mean nothing`

const sessionsMax = 50_000_000
const roundsMax = 1_000

const count = (option: string, text: string | undefined, max: number): number | undefined => {
  if (text === undefined) return undefined
  const value = /^\d+$/.test(text) ? Number(text) : NaN
  if (!(value >= 1 && value <= max)) {
    throw new RangeError(`--${option} must be a whole number from 1 to ${max}, not ${text}`)
  }
  return value
}

/** Reads the arguments after the program's name. `names`: the cases that there are. */
export const readArguments = (args: readonly string[], names: readonly string[]): Asked => {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      strict: true,
      options: {
        sessions: { type: 'string' },
        rounds: { type: 'string' },
        json: { type: 'string' },
        quick: { type: 'boolean' },
        help: { type: 'boolean' }
      }
    })
    const [name, ...more] = positionals
    if (name === undefined || values.help === true) return { kind: 'list' }
    if (more.length > 0) return { kind: 'wrong', message: `one case at a time: ${name}, not also ${more.join(' ')}` }
    if (!names.includes(name)) {
      return { kind: 'wrong', message: `there is no case ${name}; there are ${names.join(', ')}` }
    }
    return {
      kind: 'run', name, json: values.json, quick: values.quick === true,
      sessions: count('sessions', values.sessions, sessionsMax), rounds: count('rounds', values.rounds, roundsMax)
    }
  } catch (error) {
    return { kind: 'wrong', message: error instanceof Error ? error.message : String(error) }
  }
}
