/**
 * A cluster under load for as long as you like, with faults at random: every promise is checked, season by season, and
 * the memory, handles and timers of a node that lives through all of it have to stay what they are, and so has its log.
 *
 *   npm run soak -- --minutes 30
 *   npm run soak -- --minutes 600 --nodes 4 --servers 3 --seed S --out FILE     writes FILE.svg and FILE.json
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { progressOn } from '../../bench/harness/progress.ts'
import { table } from '../../bench/harness/report.ts'
import { figuresTable, merged } from '../chaos/figures.ts'
import { temporaryPath } from '../support/temp.ts'
import { coursesOf, samplesMin } from './flat.ts'
import { soakPlot } from './plot.ts'
import { soak } from './soak.ts'

const say = (line: string): void => { process.stdout.write(`${line}\n`) }
const usage = 'npm run soak -- --minutes M [--nodes N] [--servers 1|3] [--clients C] [--seed S] [--out FILE]'
const misused = (message: string): never => {
  process.stderr.write(`${message}\n\n${usage}\n`)
  process.exit(2)
}
const readArguments = () => {
  try {
    return parseArgs({
      options: {
        minutes: { type: 'string', default: '10' }, nodes: { type: 'string', default: '3' }, servers: { type: 'string', default: '1' },
        clients: { type: 'string', default: '24' }, seed: { type: 'string', default: '1' },
        out: { type: 'string', default: 'bench/results/soak' }
      }
    }).values
  } catch (error) {
    return misused(error instanceof Error ? error.message : String(error))
  }
}
const given = readArguments()
const whole = (name: 'minutes' | 'nodes' | 'servers' | 'clients' | 'seed', least: number, most: number): number => {
  const value = Number(given[name])
  return Number.isSafeInteger(value) && value >= least && value <= most
    ? value
    : misused(`--${name} takes a whole number from ${least} to ${most}, not ${given[name]}`)
}
const minutes = whole('minutes', 1, 100_000)

const progress = progressOn(process.stderr, process.env)
progress.begin('soaking', minutes)
let shown = 0
const report = await soak({
  minutes, nodes: whole('nodes', 2, 16), servers: whole('servers', 1, 5), clients: whole('clients', 1, 1_000),
  seed: whole('seed', 0, 2 ** 31), path: temporaryPath('log.db'),
  onSeason: (passed) => {
    progress.step(Math.floor(passed) - shown)
    shown = Math.floor(passed)
  }
}).finally(() => progress.end())

mkdirSync(dirname(given.out), { recursive: true })
writeFileSync(`${given.out}.svg`, await soakPlot(report))
writeFileSync(`${given.out}.json`, `${JSON.stringify(report)}\n`)

const courses = coursesOf(report.samples)
say(`${report.samples.length} seasons, ${report.sessions} sessions, ${report.events} events, ${report.spells.length} faults`)
say(`\n${figuresTable(merged(report.figures))}`)
say(`\n${table([['one node', '', 'early', 'late', ''], ...courses.map(({ early, isFlat, late, name, unit }) =>
  [name, unit, early.toFixed(1), late.toFixed(1), isFlat ? 'flat' : 'GROWS'])])}`)
if (report.samples.length < samplesMin) say(`\nToo short to say what grows: that takes ${samplesMin} seasons, about ${samplesMin} minutes.`)
say(`\nAnswered as durable and not in the log: ${report.lost.length}. Promises broken: ${report.violations.length}.`)
for (const { at, rule, text } of report.violations.slice(0, 20)) say(`  at ${at.toFixed(0)} ms, ${rule}: ${text}`)
for (const one of report.lost.slice(0, 20)) say(`  lost: ${one}`)
say(`The course of it: ${given.out}.svg`)
const grows = report.samples.length >= samplesMin && courses.some(({ isFlat }) => !isFlat)
if (grows || report.lost.length + report.violations.length > 0) process.exitCode = 1
