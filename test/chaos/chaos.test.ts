import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { describeWithNats } from '../support/nats-server.ts'
import { findJava, findKafka } from '../support/services.ts'
import { smallDisk } from '../support/small-disk.ts'
import { temporaryPath } from '../support/temp.ts'
import { chaos, type Plan, type Report } from './chaos.ts'
import { type Fault, faults, faultsFor } from './faults.ts'

/** A short round of chaos: npm run chaos plays longer ones. */
const play = (plan: Partial<Plan> & Pick<Plan, 'faults'>): Promise<Report> => chaos({
  seed: 1, nodes: 3, servers: 1, clients: 24, faultMs: 1_200, calmMs: 400,
  log: { kind: 'sqlite', path: temporaryPath('log.db') }, ...plan
})
const named = (...names: readonly string[]): readonly Fault[] => names.map((name) => {
  const fault = faults.find((one) => one.name === name)
  if (fault === undefined) throw new Error(`there is no fault '${name}'`)
  return fault
})

const expectUnbroken = ({ figures, lost, violations }: Report, played: readonly Fault[]): void => {
  expect(violations).toEqual([])
  expect(lost).toEqual([])
  expect(figures.map(({ fault }) => fault)).toEqual(played.map(({ name }) => name))
  // A fault under which nobody asked for anything proves nothing.
  for (const { asked, fault, requests } of figures) {
    expect([fault, requests > 0, asked > 0]).toEqual([fault, true, true])
  }
}
const minutes = 60_000
const kafkaNeeds = findJava() === undefined || findKafka() === undefined ? ' (needs Kafka: npm run services)' : ''

describeWithNats('a real cluster under real faults', () => {
  it('keeps every promise under those of its network, its processes and its log', { timeout: 3 * minutes }, async () => {
    const played = faultsFor({ kind: 'sqlite', path: '' }, 1, false)
    const report = await play({ faults: played })
    expectUnbroken(report, played)
    expect(report.entries.filter((entry) => entry.what === 'process' && entry.state === 'dies')).not.toEqual([])
    expect(report.figures.some(({ stale }) => stale > 0)).toBe(true)
  })

  it('keeps them where the servers of its broadcast are a cluster', { timeout: 2 * minutes }, async () => {
    const played = named(
      'server killed', 'server frozen', 'servers restarted', 'server cut off from its cluster', 'all links cut')
    expectUnbroken(await play({ faults: played, servers: 3 }), played)
  })

  it('keeps them where the log is on those servers', { timeout: 3 * minutes }, async () => {
    const played = named(
      'log link cut', 'log link held', 'node cut off', 'server killed', 'leader killed', 'log link held, node killed',
      'node paused, link held')
    expectUnbroken(await play({ faults: played, servers: 3, log: { kind: 'jetstream' } }), played)
  })

  it(`keeps them where the log is in Kafka${kafkaNeeds}`, { timeout: 3 * minutes, skip: kafkaNeeds !== '' }, async () => {
    const played = named('log link held, node killed', 'broker frozen', 'broker killed')
    expectUnbroken(await play({ faults: played, log: { kind: 'kafka' } }), played)
  })

  it('keeps them on a full disk', { timeout: 2 * minutes }, async ({ skip }) => {
    const disk = smallDisk(16_384)
    if (!disk.ok) return skip(disk.reason)
    onTestFinished(() => disk.unmount())
    const played = named('disk full')
    const report = await play({ faults: played, log: { kind: 'sqlite', path: join(disk.folder, 'log.db') } })
    expectUnbroken(report, played)
  })

  // The checker would say so if a promise were broken. Who asks when is left to the machine, so one round may see nothing.
  it.each([
    ['the fence never closes', ['node paused, link held'], 'bounded staleness'],
    ['an update needs no version', ['none'], 'one guarded update'],
    ['nobody is told of an end', ['none'], 'signals come first']
  ] as const)('is seen to break one where %s', { timeout: 3 * minutes }, async (mutant, names, rule) => {
    const broken = new Set<string>()
    for (let seed = 1; seed <= 5 && !broken.has(rule); seed++) {
      const { violations } = await play({ mutant, seed, faults: named(...names), faultMs: 2_000 })
      for (const violation of violations) broken.add(violation.rule)
    }
    expect([...broken]).toContain(rule)
  })
})
