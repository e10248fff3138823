/**
 * Outlives the parent by a moment and clears up what it left: its processes, even one that was stopped and cannot end
 * itself, and the folder. So nothing stays behind even if the parent is killed with -9. The parent starts nothing until
 * it has heard from the keeper; and what cannot notice by itself that the parent is gone, the keeper starts.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What the parent says: the node processes that it has now, or a program to start. */
export type ToKeeper =
  | { readonly pids: readonly number[] }
  | { readonly start: string; readonly args: readonly string[] }

/** What the keeper says: first of all where the parent may put its files, then what became of the programs. */
export type FromKeeper =
  | { readonly kind: 'ready'; readonly folder: string }
  | { readonly kind: 'started'; readonly pid: number | undefined }
  | { readonly kind: 'ended'; readonly pid: number | undefined }

const folder = mkdtempSync(join(tmpdir(), 'curfew-cluster-'))
const programs = new Set<number>()
let nodes: readonly number[] = []

const tell = (message: FromKeeper): void => {
  // A parent that has ended hears nothing; its end is what the keeper waits for.
  const unheard = () => undefined
  if (process.connected) process.send?.(message, undefined, undefined, unheard)
}

const end = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const clearUp = (): void => {
  for (const pid of [...nodes, ...programs]) end(pid)
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
}

const start = (program: string, args: readonly string[]): void => {
  const child = spawn(program, args, { stdio: 'ignore' })
  const { pid } = child
  if (pid !== undefined) programs.add(pid)
  const ended = () => {
    if (pid !== undefined) programs.delete(pid)
    tell({ kind: 'ended', pid })
  }
  child.once('error', ended).once('exit', ended)
  tell({ kind: 'started', pid })
}

process.on('message', (message: ToKeeper) => {
  if ('pids' in message) nodes = message.pids
  else if (process.connected) start(message.start, message.args)
})
process.once('disconnect', clearUp)
// Not connected: the parent has ended before it started anything.
if (process.connected) tell({ kind: 'ready', folder })
else clearUp()
