/** Removes what the build made, so that the package never holds the output of a file that is gone. */
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

rmSync(fileURLToPath(new URL('../../dist', import.meta.url)), { recursive: true, force: true })
