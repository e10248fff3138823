/**
 * A cluster under load for as long as you like, with faults at random: every promise is checked, season by season, and
 * the memory, handles and timers of a node that lives through all of it have to stay what they are, and so has its log.
 *
 *   npm run soak -- --minutes 30
 *   npm run soak -- --minutes 600 --nodes 4 --servers 3 --seed S --out FILE     writes FILE.svg and FILE.json
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { progressOn } from '../../bench/harness/progress.ts'
import { table } from '../../bench/harness/report.ts'
import { figuresTable, merged } from '../chaos/figures.ts'
import { logKinds } from '../chaos/log.ts'
import { commandLine } from '../support/command-line.ts'
import { temporaryPath } from '../support/temp.ts'
import { coursesOf, samplesMin } from './flat.ts'
import { soakPlot } from './plot.ts'
import { soak } from './soak.ts'

const say = (line: string): void => { process.stdout.write(`${line}\n`) }
const usage = `npm run soak [-- OPTIONS]
  --minutes M    for so long (10); what grows can be told from about ${samplesMin} on
  --log KIND     where the log is: sqlite, jetstream or kafka (sqlite)
  --nodes N      so many node processes, 2 to 16 (3)
  --servers N    so many nats-servers (1)
  --clients C    so many at a time (24)
  --seed S       chooses the faults (1)
  --out NAME     writes NAME.svg and NAME.json (bench/results/soak)`

const { given, oneOf, whole } = commandLine(usage, {
  minutes: { type: 'string', default: '10' }, nodes: { type: 'string', default: '3' }, servers: { type: 'string', default: '1' },
  clients: { type: 'string', default: '24' }, seed: { type: 'string', default: '1' }, log: { type: 'string', default: 'sqlite' },
  out: { type: 'string', default: 'bench/results/soak' }
})
const minutes = whole('minutes', given.minutes, 1, 100_000)
const kind = oneOf('log', given.log, logKinds)
const out = given.out.replace(/\.(?:svg|json)$/, '')

const progress = progressOn(process.stderr, process.env)
progress.begin('soaking', minutes)
let shown = 0
const report = await soak({
  minutes, nodes: whole('nodes', given.nodes, 2, 16), servers: whole('servers', given.servers, 1, 5),
  clients: whole('clients', given.clients, 1, 1_000), seed: whole('seed', given.seed, 0, 2 ** 31),
  log: kind === 'sqlite' ? { kind, path: temporaryPath('log.db') } : { kind },
  onSeason: (passed) => {
    progress.step(Math.floor(passed) - shown)
    shown = Math.floor(passed)
  }
}).finally(() => progress.end())

mkdirSync(dirname(out), { recursive: true })
writeFileSync(`${out}.svg`, await soakPlot(report))
writeFileSync(`${out}.json`, `${JSON.stringify(report)}\n`)

const isLong = report.samples.length >= samplesMin
const courses = isLong ? coursesOf(report.samples) : []
say(`${report.samples.length} seasons, ${report.sessions} sessions, ${report.events} events, ${report.spells.length} faults`)
say(`\n${figuresTable(merged(report.figures))}`)
if (isLong) say(`\n${table([['one node', '', 'early', 'late', ''], ...courses.map(({ early, isFlat, late, name, unit }) =>
  [name, unit, early.toFixed(1), late.toFixed(1), isFlat ? 'flat' : 'GROWS'])])}`)
else say(`\nToo short to say what grows: that takes ${samplesMin} seasons, about ${samplesMin} minutes.`)
say(`\nAnswered as durable and not in the log: ${report.lost.length}. Promises broken: ${report.violations.length}.`)
for (const { at, rule, text } of report.violations.slice(0, 20)) say(`  at ${at.toFixed(0)} ms, ${rule}: ${text}`)
for (const one of report.lost.slice(0, 20)) say(`  lost: ${one}`)
say(`The course of it: ${out}.svg`)
const grows = courses.some(({ isFlat }) => !isFlat)
if (grows || report.lost.length + report.violations.length > 0) process.exitCode = 1
