import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folders: string[] = []
process.on('exit', () => { for (const folder of folders) rmSync(folder, { recursive: true, force: true }) })

/** A new folder, removed when this process ends. */
export const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'curfew-test-'))
  folders.push(folder)
  return folder
}

/** A path for a file of this name in a new folder. */
export const temporaryPath = (name: string): string => join(temporaryFolder(), name)
