import { expect, it } from 'vitest'
import { chance } from '../../bench/harness/chance.ts'
import { describeWithNats } from '../support/nats-server.ts'
import { temporaryPath } from '../support/temp.ts'
import { coursesOf } from './flat.ts'
import { soakPlot } from './plot.ts'
import { ordealsOf, type Sample, soak } from './soak.ts'

const sample = (minute: number, over: Partial<Sample> = {}): Sample => ({
  minute, process: 'a.1', memoryBytes: 30e6, rssBytes: 200e6, handles: 4, timers: 8, sessions: 100, logBytes: 5e6, ...over
})
const growing = (of: (minute: number) => Partial<Sample>): readonly string[] =>
  coursesOf(Array.from({ length: 17 }, (_, i) => sample(i, of(i)))).filter(({ isFlat }) => !isFlat).map(({ name }) => name)

describeWithNats('a soak', () => {
  it('plays a season, in which no promise is broken, and plots it', { timeout: 180_000 }, async () => {
    const report = await soak({
      seed: 3, nodes: 2, servers: 1, clients: 16, log: { kind: 'sqlite', path: temporaryPath('log.db') }, seasonMs: 6_000, minutes: 0.1
    })
    expect(report).toMatchObject({ violations: [], lost: [] })
    expect(report.samples.length).toBeGreaterThan(0)
    expect(report.taken.length).toBeGreaterThan(0)
    const plot = await soakPlot(report)
    expect(plot).toMatch(/^<svg/)
    for (const { fault } of report.spells) expect(plot).toContain(fault)
  })

  it('never ends the process that is watched', () => {
    const ordeals = ordealsOf(chance(1), { log: { kind: 'sqlite', path: '' }, nodes: 3, servers: 3 }, 2_000_000)
    const fates = new Map<string, Set<number>>()
    for (const { fault, node } of ordeals) fates.set(fault.name, (fates.get(fault.name) ?? new Set()).add(node))
    for (const deadly of ['node killed', 'node stopped', 'log locked, node killed']) {
      expect([...fates.get(deadly)!].sort()).toEqual([1, 2])
    }
    expect([...fates.get('node paused')!].sort()).toEqual([0, 1, 2])
  })

  it('says what grows', () => {
    expect(growing(() => ({}))).toEqual([])
    expect(growing((minute) => ({ memoryBytes: 30e6 + minute * 1e6 }))).toEqual(['memory'])
    expect(growing((minute) => ({ rssBytes: 200e6 + minute * 5e6 }))).toEqual(['resident memory'])
    expect(growing((minute) => ({ handles: 4 + minute }))).toEqual(['handles'])
    expect(growing((minute) => ({ timers: 8 + minute }))).toEqual(['timers'])
    expect(growing((minute) => ({ logBytes: 5e6 + minute * 1e6 }))).toEqual(['log'])
    // What is high before it is warm, and noise, is no growth.
    expect(growing((minute) => ({ memoryBytes: minute < 5 ? 20e6 : 30e6 + (minute % 2) * 4e5 }))).toEqual([])
  })
})
