import { execFileSync } from 'node:child_process'
import { temporaryFolder } from './temp.ts'

/** A file system of its own, of so many KiB, or why there is none. */
export type SmallDisk =
  | { readonly ok: true; readonly folder: string; readonly unmount: () => void }
  | { readonly ok: false; readonly reason: string }

/** Mounts a tmpfs, for which one has to be the superuser, or allowed to become it without a password. */
export const smallDisk = (kib: number): SmallDisk => {
  const folder = temporaryFolder()
  const as = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  const run = (...command: readonly string[]) => {
    const [file, ...args] = [...as, ...command] as [string, ...string[]]
    execFileSync(file, args, { stdio: 'pipe' })
  }
  try {
    run('mount', '-t', 'tmpfs', '-o', `size=${kib}k,mode=1777`, 'tmpfs', folder)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { ok: false, reason: `no file system of a limited size can be mounted here: ${reason}` }
  }
  return { ok: true, folder, unmount: () => run('umount', folder) }
}
