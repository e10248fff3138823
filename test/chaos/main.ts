/**
 * Real processes, real servers, real faults, one after the other; and the checker of the simulator, which reads what
 * was answered.
 *
 *   npm run chaos                                    every fault once, on one nats-server and on a cluster of three
 *   npm run chaos -- --minutes 30                    rounds of it for so long, each with another seed
 *   npm run chaos -- --log jetstream                 on another log than a file: jetstream, or kafka
 *   npm run chaos -- --fault 'node paused'           one fault only
 *   npm run chaos -- --servers 3 --nodes 4 --seed S --seconds 5 --json FILE
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { progressOn } from '../../bench/harness/progress.ts'
import { commandLine } from '../support/command-line.ts'
import { smallDisk } from '../support/small-disk.ts'
import { temporaryPath } from '../support/temp.ts'
import { chaos, type Report } from './chaos.ts'
import { faults, faultsFor } from './faults.ts'
import { logKinds, type LogPlan } from './log.ts'
import { figuresTable, merged } from './figures.ts'

const say = (line: string): void => { process.stdout.write(`${line}\n`) }
const usage = `npm run chaos [-- OPTIONS]
  --minutes M    rounds of all faults for so long, each with another seed (one round)
  --log KIND     where the log is: sqlite, jetstream or kafka (sqlite)
  --servers N    so many nats-servers (a round with 1, and one with 3)
  --nodes N      so many node processes, 2 to 16 (3)
  --seconds S    so long each fault lasts at least (3)
  --fault NAME   one fault only
  --seed S       chooses who is befallen when, and what clients ask for (1); the machine decides the rest
  --json FILE    writes the figures to a file, too`

const { given, misused, oneOf, whole } = commandLine(usage, {
  minutes: { type: 'string' }, servers: { type: 'string' }, nodes: { type: 'string', default: '3' },
  seed: { type: 'string', default: '1' }, seconds: { type: 'string', default: '3' }, fault: { type: 'string' },
  log: { type: 'string', default: 'sqlite' }, json: { type: 'string' }
})
const firstSeed = whole('seed', given.seed, 0, 2 ** 31)
const nodes = whole('nodes', given.nodes, 2, 16)
const faultMs = whole('seconds', given.seconds, 1, 60) * 1_000
const minutes = given.minutes === undefined ? undefined : whole('minutes', given.minutes, 1, 100_000)
const serverCounts = given.servers === undefined ? [1, 3] : [whole('servers', given.servers, 1, 5)]
const wanted = faults.filter(({ name }) => given.fault === undefined || name === given.fault)
if (wanted.length === 0) misused(`There is no fault '${given.fault}'; there are: ${faults.map(({ name }) => name).join(', ')}.`)

const kind = oneOf('log', given.log, logKinds)

const diskKib = 32_768
const progress = progressOn(process.stderr, process.env)

/** Every fault once, on a new log. */
const round = async (seed: number, servers: number): Promise<Report> => {
  const disk = smallDisk(diskKib)
  if (!disk.ok && kind === 'sqlite') say(`No 'disk full': ${disk.reason}`)
  try {
    const log: LogPlan = kind === 'sqlite'
      ? { kind, path: disk.ok ? join(disk.folder, 'log.db') : temporaryPath('log.db') }
      : { kind }
    const chosen = faultsFor(log, servers, disk.ok).filter((fault) => wanted.includes(fault))
    say(`${chosen.length} faults on ${nodes} nodes and ${servers} nats-server${servers === 1 ? '' : 's'}, seed ${seed} ...`)
    progress.begin('faults', chosen.length)
    return await chaos({
      seed, nodes, servers, clients: 24, faults: chosen, faultMs, calmMs: 1_500, log,
      onFault: () => progress.step()
    })
  } finally {
    progress.end()
    if (disk.ok) disk.unmount()
  }
}

const tell = (servers: number, seed: number, { figures, lost, sessions, events, violations }: Report): void => {
  say(`\n${nodes} nodes, ${servers} nats-server${servers === 1 ? '' : 's'}, seed ${seed}: ${sessions} sessions, ${events} events`)
  say(figuresTable(figures))
  say(`Answered as durable and not in the log: ${lost.length}. Promises broken: ${violations.length}.`)
  for (const { at, rule, text } of violations.slice(0, shownMax)) say(`  at ${at.toFixed(0)} ms, ${rule}: ${text}`)
  for (const one of lost.slice(0, shownMax)) say(`  lost: ${one}`)
}
const shownMax = 20

const all: Report[] = []
const deadline = performance.now() + (minutes ?? 0) * 60_000
for (let seed = firstSeed; ; seed++) {
  for (const servers of serverCounts) {
    const report = await round(seed, servers)
    all.push({ ...report, entries: [] })
    tell(servers, seed, report)
  }
  const isBroken = all.some(({ lost, violations }) => lost.length + violations.length > 0)
  if (isBroken) process.exitCode = 1
  if (isBroken || performance.now() >= deadline) break
}
const total = merged(all.map(({ figures }) => figures))
if (all.length > 1) say(`\nAll together\n${figuresTable(total)}`)
if (given.json !== undefined) writeFileSync(given.json, `${JSON.stringify({ nodes, faultMs, figures: total }, null, 2)}\n`)
