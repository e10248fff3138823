import { parseArgs } from 'node:util'
import { InvalidOptions } from '../../index.ts'
import { type Command, exitCodes, type Values, type World, WrongUse } from './command.ts'

type Commands = Readonly<Record<string, Command>>

const overview = (commands: Commands): string => {
  const width = Math.max(...Object.keys(commands).map((name) => name.length))
  const lines = Object.entries(commands).map(([name, { line }]) => `  ${name.padEnd(width)}  ${line}`)
  return ['Usage: curfew COMMAND', ...lines, 'curfew COMMAND --help says more of each.'].join('\n')
}

const read = ({ options }: Command, args: readonly string[]): Values => {
  try {
    const config = { ...options, help: { type: 'boolean', short: 'h' } } as const
    return parseArgs({ args: [...args], options: config, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

/** What an error says. One that nobody has foreseen says where it comes from, too. */
const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error instanceof WrongUse || '_tag' in error ? error.message : error.stack ?? error.message
}

/** Does what the command line asks for, and resolves to the exit code. Never rejects. */
export const runCommand = async (commands: Commands, args: readonly string[], world: World): Promise<number> => {
  const [name = '', ...rest] = args
  if (['--help', '-h', 'help'].includes(name)) {
    world.say(overview(commands))
    return exitCodes.good
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    if (name !== '') world.complain(`curfew: there is no command of this name\n`)
    world.complain(overview(commands))
    return exitCodes.wrongUse
  }
  try {
    const values = read(command, rest)
    if (values['help'] === true) {
      world.say(`Usage: curfew ${name} ${command.usage}`)
      return exitCodes.good
    }
    return await command.run(values, world)
  } catch (error) {
    world.complain(`curfew ${name}: ${messageOf(error)}`)
    if (!(error instanceof WrongUse || error instanceof InvalidOptions)) return exitCodes.failed
    world.complain(`curfew ${name} --help says how.`)
    return exitCodes.wrongUse
  }
}
