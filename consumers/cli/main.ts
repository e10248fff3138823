#!/usr/bin/env node
import { commands } from './commands.ts'
import { runCommand } from './run.ts'

/** The exit codes of what a signal has ended, as shells have them. */
const codes = { SIGINT: 130, SIGTERM: 143 } as const

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Whoever asks again does not want to wait.
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(codes[signal])
    stop.abort(codes[signal])
  })
}

process.exitCode = await runCommand(commands, process.argv.slice(2), {
  env: process.env,
  say: (line) => process.stdout.write(`${line}\n`),
  complain: (line) => process.stderr.write(`${line}\n`),
  terminal: process.stderr.isTTY ? process.stderr : undefined,
  signal: stop.signal
})
