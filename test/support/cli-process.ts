import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { commands } from '../../consumers/cli/commands.ts'
import { runCommand } from '../../consumers/cli/run.ts'

/** How a run of the command line ended, and all that it said. */
export interface CliEnd {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A run of `curfew` from the sources, in a process of its own. */
export interface CliRun {
  readonly child: ChildProcess
  readonly end: Promise<CliEnd>
}

const program = join(import.meta.dirname, '..', '..', 'consumers', 'cli', 'main.ts')

export const startCli = (
  args: readonly string[], env: Readonly<Record<string, string>> = {}, flags: readonly string[] = []
): CliRun => {
  const child = spawn(process.execPath, [...flags, program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env }
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { err += chunk.toString() })
  const end = once(child, 'close').then(([code]) => ({ code: code as number | null, out, err }))
  return { child, end }
}

/** The same, to its end. */
export const runCli = (...args: readonly string[]): Promise<CliEnd> => startCli(args).end

/** The same in this process, which takes less time. Nobody watches it, and nobody stops it. */
export const runCliHere = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliEnd> => {
  let [out, err] = ['', '']
  const code = await runCommand(commands, args, {
    env, say: (line) => { out += `${line}\n` }, complain: (line) => { err += `${line}\n` }, terminal: undefined,
    signal: new AbortController().signal
  })
  return { code, out, err }
}
