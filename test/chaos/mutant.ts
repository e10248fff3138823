/** Imported before everything else in a process of chaos: plants the bug that CURFEW_MUTANT names. */
import { mutants } from '../simulation/mutants.ts'
import { patch } from '../simulation/patched.ts'

const name = process.env['CURFEW_MUTANT']
const mutant = mutants.find((one) => one.name === name)
if (mutant === undefined) throw new Error(`there is no mutant "${name}"`)
patch(mutant)
