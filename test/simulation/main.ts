/**
 * A cluster in one thread, on one seed, under every fault there is; and a checker that reads what was answered.
 *
 *   npm run simulate                                 one seed
 *   npm run simulate -- --seed S --nodes N --steps M
 *   npm run simulate -- --seeds 100                  so many, from --seed on
 *   npm run simulate -- --minutes 60                 for so long
 *   npm run simulate -- --history                    prints the history, too
 *   npm run simulate -- --mutants                    plants bugs, and says which seed catches each
 */
import { progressOn } from '../../bench/harness/progress.ts'
import { table } from '../../bench/harness/report.ts'
import { missing } from './expected.ts'
import { historyText } from './history.ts'
import { commandLine } from '../support/command-line.ts'
import { huntAll, seedsMax } from './hunting.ts'
import { mutants } from './mutants.ts'
import { play, storyOf } from './play.ts'
import { shrink } from './shrink.ts'
import { stepText } from './steps.ts'
import { Coverage } from './world/coverage.ts'

const usage = `npm run simulate [-- OPTIONS]
  --seed S       the first seed (1): the same seed has the same history, byte for byte
  --seeds K      so many seeds, one after the other (1)
  --minutes M    goes on with further seeds for so long
  --nodes N      so many nodes, 2 to 16 (each seed chooses)
  --steps M      so many steps of clients and faults in each story (300)
  --history      prints the history; what was covered goes to stderr then
  --mutants      plants bugs in a copy of the sources, one at a time, and says which seed catches each`

const { given, whole } = commandLine(usage, {
  seed: { type: 'string', default: '1' }, seeds: { type: 'string', default: '1' }, minutes: { type: 'string' },
  nodes: { type: 'string' }, steps: { type: 'string', default: '300' }, history: { type: 'boolean', default: false },
  mutants: { type: 'boolean', default: false }
})
/** A history is for comparing: with it, all else stands beside it. */
const say = (line: string): void => { (given.history ? process.stderr : process.stdout).write(`${line}\n`) }
const first = whole('seed', given.seed, 0, 2 ** 31)
const seeds = whole('seeds', given.seeds, 1, 2 ** 31)
const minutes = given.minutes === undefined ? undefined : whole('minutes', given.minutes, 1, 100_000)
const nodes = given.nodes === undefined ? undefined : whole('nodes', given.nodes, 2, 16)
const steps = whole('steps', given.steps, 1, 1_000_000)
const progress = progressOn(process.stderr, process.env)
/** A failure is shrunk by so many further simulations at most. */
const shrinkTriesMax = 1_000

const tellFailure = async (seed: number, rule: string): Promise<void> => {
  say(`\nseed ${seed} breaks the promise "${rule}". Looking for a short story that does, too ...`)
  progress.begin('shrinking', shrinkTriesMax)
  const shrunk = await shrink(storyOf(seed, steps, nodes), rule, shrinkTriesMax, () => progress.step())
  progress.end()
  if (shrunk === undefined) return say('It does not break it again: something here is not deterministic.')
  const { scenario } = storyOf(seed, steps, nodes)
  say(`${scenario.nodes} nodes, a log of ${scenario.partitions} partitions; ${shrunk.steps.length} steps:`)
  for (const step of shrunk.steps) say(`  ${stepText(step)}`)
  say(`${shrunk.violation.text}\n`)
  say(`npm run simulate -- --seed ${seed} --steps ${steps}${nodes === undefined ? '' : ` --nodes ${nodes}`}`)
}

const howOften = (coverage: Coverage): string =>
  table(coverage.entries().sort(([kind, name], [otherKind, other]) => `${kind} ${name}` < `${otherKind} ${other}` ? -1 : 1)
    .map(([kind, name, times]) => [kind, name, times.toLocaleString('en')]))

const years = (ms: number): string => {
  const hours = ms / 3_600_000
  if (hours < 48) return `${hours.toFixed(1)} hours`
  return hours < 24 * 730 ? `${(hours / 24).toFixed(1)} days` : `${(hours / 8_766).toFixed(1)} years`
}

const simulateMany = async (): Promise<number> => {
  const coverage = new Coverage()
  const began = performance.now()
  const deadline = minutes === undefined ? Infinity : began + minutes * 60_000
  const most = minutes === undefined ? seeds : Infinity
  let [played, clusterMs, nodeMs, tasks] = [0, 0, 0, 0]
  progress.begin('simulating', minutes === undefined ? seeds : minutes * 60)
  let shown = 0
  for (let seed = first; played < most && performance.now() < deadline; seed++) {
    const story = storyOf(seed, steps, nodes)
    const { violations, ...outcome } = await play(story, coverage)
    played++
    clusterMs += outcome.ms
    tasks += outcome.tasks
    nodeMs += outcome.ms * story.scenario.nodes
    if (given.history) process.stdout.write(`${historyText(outcome)}\n`)
    const [violation] = violations
    if (violation !== undefined) {
      progress.end()
      await tellFailure(seed, violation.rule)
      return 1
    }
    const done = minutes === undefined ? played : Math.floor((performance.now() - began) / 1_000)
    progress.step(done - shown)
    shown = done
  }
  progress.end()
  const seconds = (performance.now() - began) / 1_000
  say(howOften(coverage))
  const rate = (count: number): string => Math.round(count / seconds).toLocaleString('en')
  say(`\n${played} seeds of ${steps} steps: ${years(clusterMs)} of a cluster's life, ${years(nodeMs)} of its nodes'. In each `
    + `second ${rate(played * steps)} steps, and ${rate(tasks)} timers, messages and requests. No promise was broken.`)
  const never = missing(coverage)
  if (never.length === 0) return 0
  say(`What never happened, so nothing is said of it: ${never.join(', ')}.`)
  // A few seeds cannot show everything; many that do not prove nothing.
  return played >= seedsThatShowAll ? 1 : 0
}
const seedsThatShowAll = 100

const tellMutants = async (): Promise<number> => {
  const rows = new Map<string, readonly string[]>()
  progress.begin('hunting', mutants.length)
  await huntAll(2, ({ name }, quarry) => {
    rows.set(name, quarry === null ? ['-', `not caught by ${seedsMax} seeds`, name]
      : [String(quarry.seed), quarry.violation.rule, name])
    progress.step()
  })
  progress.end()
  say(table([['seed', 'caught by', 'the bug'], ...mutants.map(({ name }) => rows.get(name)!)]))
  return [...rows.values()].some(([seed]) => seed === '-') ? 1 : 0
}

process.exitCode = given.mutants ? await tellMutants() : await simulateMany()
