import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'

/** The command line of one of the programs beside the tests: what was given, or an end with a reason and the usage. */
export const commandLine = <const T extends ParseArgsOptionsConfig>(usage: string, options: T) => {
  const misused = (message: string): never => {
    process.stderr.write(`${message}\n\n${usage}\n`)
    process.exit(2)
  }
  const read = () => {
    try {
      return parseArgs({ options })
    } catch (error) {
      return misused(error instanceof Error ? error.message : String(error))
    }
  }
  if (process.argv.slice(2).some((argument) => argument === '--help' || argument === '-h')) {
    process.stdout.write(`${usage}\n`)
    process.exit(0)
  }
  const given = read().values
  /** A number that was given. */
  const whole = (name: string, text: string, least: number, most: number): number => {
    const value = Number(text)
    return text !== '' && Number.isSafeInteger(value) && value >= least && value <= most
      ? value
      : misused(`--${name} takes a whole number from ${least} to ${most}, not ${text}`)
  }
  /** One of some words. */
  const oneOf = <const W extends readonly string[]>(name: string, text: string, words: W): W[number] =>
    words.includes(text) ? text : misused(`--${name} takes ${words.join(' or ')}, not ${text}`)
  return { given, whole, oneOf, misused }
}
