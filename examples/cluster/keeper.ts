/**
 * Outlives the parent by a moment and clears up what it left: its processes, even one that was stopped and cannot end
 * itself, and its folder. So nothing stays behind even if the parent is killed with -9.
 */
import { rmSync } from 'node:fs'

export interface Charge {
  readonly folder: string
  readonly pids: readonly number[]
}

let charge: Charge = { folder: '', pids: [] }

const end = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

process.on('message', (message: Charge) => {
  charge = message
})
process.once('disconnect', () => {
  charge.pids.forEach(end)
  if (charge.folder !== '') rmSync(charge.folder, { recursive: true, force: true, maxRetries: 10 })
})
