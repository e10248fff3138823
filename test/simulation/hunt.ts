/**
 * Looks for a seed whose story breaks a promise, in a copy of the code that has a mutant's bug. Prints what it came to,
 * on one line.
 */
import { parseArgs } from 'node:util'
import type { Violation } from './checker/check.ts'
import { mutants } from './mutants.ts'
import { patch } from './patched.ts'

const { values } = parseArgs({
  options: {
    mutant: { type: 'string' }, seeds: { type: 'string', default: '100' }, steps: { type: 'string', default: '300' },
    first: { type: 'string', default: '1' }, shrink: { type: 'boolean', default: false }
  }
})
const mutant = mutants.find(({ name }) => name === values.mutant)
if (mutant === undefined) throw new Error(`there is no mutant "${values.mutant}"`)
patch(mutant)
// Only now, so that what is loaded is patched.
const { play, storyOf } = await import('./play.ts')
const { shrink } = await import('./shrink.ts')

const shrinkTriesMax = 300

/** The seed that caught it, and how; null: none did. */
export interface Quarry {
  readonly seed: number
  readonly violation: Violation
  /** How many steps of its story do it; null: was not asked for. */
  readonly steps: number | null
}

/** The seed that is known to catch it first; where that no longer does, all. */
const hunt = async (): Promise<Quarry | null> => {
  const seeds = [Number(values.first), ...Array.from({ length: Number(values.seeds) }, (_, i) => i + 1)]
  for (const seed of seeds) {
    const [violation] = (await play(storyOf(seed, Number(values.steps)))).violations
    if (violation === undefined) continue
    const shrunk = values.shrink ? await shrink(storyOf(seed, Number(values.steps)), violation.rule, shrinkTriesMax) : null
    return { seed, violation, steps: shrunk?.steps.length ?? null }
  }
  return null
}
process.stdout.write(`${JSON.stringify(await hunt())}\n`)
