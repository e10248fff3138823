import { archiveCommand } from './archive.ts'
import type { Command } from './command.ts'
import { copyCommand } from './copy.ts'
import { verifyCommand } from './verify.ts'

/** What `curfew` can do, by name. */
export const commands: Readonly<Record<string, Command>> = {
  archive: archiveCommand,
  copy: copyCommand,
  verify: verifyCommand
}
