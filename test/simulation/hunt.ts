/** Looks for a seed whose story breaks a promise. With a mutant's name: in a copy of the code that has this bug. */
import { parseArgs } from 'node:util'
import { mutants } from './mutants.ts'
import { patch } from './patched.ts'

const { values } = parseArgs({
  options: { mutant: { type: 'string' }, seeds: { type: 'string', default: '100' }, steps: { type: 'string', default: '300' } }
})
const mutant = mutants.find(({ name }) => name === values.mutant)
if (values.mutant !== undefined && mutant === undefined) throw new Error(`there is no mutant "${values.mutant}"`)
if (mutant !== undefined) patch(mutant)

// Only now, so that what is loaded is patched.
const [{ simulate }, { scenarioOf, stepsOf }, { Coverage }, { check }] = await Promise.all([
  import('./simulation.ts'), import('./steps.ts'), import('./world/coverage.ts'), import('./checker/check.ts')
])

/** What a hunt came to, on one line. */
export interface Quarry {
  /** How many seeds it took; null: nothing was found. */
  readonly seeds: number | null
  readonly rule: string | null
}

const hunt = async (): Promise<Quarry> => {
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    const violations = check(await simulate(scenarioOf(seed), stepsOf(seed, Number(values.steps)), new Coverage()))
    if (violations.length > 0) return { seeds: seed, rule: violations[0]!.rule }
  }
  return { seeds: null, rule: null }
}
process.stdout.write(`${JSON.stringify(await hunt())}\n`)
