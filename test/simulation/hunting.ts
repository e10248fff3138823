import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Quarry } from './hunt.ts'
import { type Mutant, mutants } from './mutants.ts'

const file = fileURLToPath(new URL('./hunt.ts', import.meta.url))

/** So many seeds must be enough for every mutant. */
export const seedsMax = 100

/** Hunts one mutant in a process of its own. Null: no seed caught it. */
export const huntOne = async ({ caughtBy, name }: Mutant, ...more: readonly '--shrink'[]): Promise<Quarry | null> => {
  const child = spawn(
    process.execPath,
    [file, '--mutant', name, '--seeds', String(seedsMax), '--first', String(caughtBy), ...more],
    { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { printed += text })
  const [code] = await once(child, 'close') as [number | null]
  if (code !== 0) throw new Error(`the hunt for "${name}" ended with ${code}`)
  return JSON.parse(printed) as Quarry | null
}

/** Hunts all of them, some at a time. */
export const huntAll = async (
  atOnce: number, onOne: (mutant: Mutant, quarry: Quarry | null) => void
): Promise<void> => {
  const left = [...mutants]
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) onOne(mutant, await huntOne(mutant))
  }))
}
