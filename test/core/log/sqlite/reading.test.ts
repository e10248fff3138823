import { describe, expect, it } from 'vitest'
import { position, start } from '../../../../core/log/position.ts'
import { sqliteLog } from '../../../../core/log/sqlite.ts'
import { LogNode } from '../../../support/log-node.ts'
import { activityOf, eventsOf } from '../../../support/sample-events.ts'
import { temporaryPath } from '../../../support/temp.ts'
import { until } from '../../../support/until.ts'

describe('reading far behind the head', () => {
  it('many at once from different places: each gets its own', async () => {
    const node = await LogNode.open(sqliteLog({ path: temporaryPath('log.db') }))
    const events = eventsOf('ann', 'c', 4_000)
    await node.append(...events)
    const places = Array.from({ length: 10 }, (_, i) => i * 211)
    const readings = await Promise.all(places.map((place) => node.read(position([place]))))
    for (const [i, records] of readings.entries()) {
      expect(records.map(({ offset }) => offset)).toEqual(events.slice(places[i]).map((_, at) => places[i]! + at))
      expect(records.map(({ event }) => event)).toEqual(events.slice(places[i]))
    }
    await node.close()
  })

  it('a few at a time, and in between the event loop has its turn', async () => {
    const node = await LogNode.open(sqliteLog({ path: temporaryPath('log.db') }))
    const events = eventsOf('ann', 'c', 3_000)
    await node.append(...events)
    let turn = 0
    let next = setImmediate(function count() {
      turn++
      next = setImmediate(count)
    })
    const turns: number[] = []
    const other = node.follow(position([5]), async () => { turns.push(turn) })
    await until('all', () => other.records.length === 2_995)
    clearImmediate(next)
    expect(other.records.map(({ event }) => event)).toEqual(events.slice(5))
    expect(Math.max(...other.batches.map((batch) => batch.length))).toBeLessThanOrEqual(128)
    expect(new Set(turns).size).toBe(other.batches.length)
    await other.stop()
    await node.close()
  })

  it('large records come a few at a time, and none is left out', async () => {
    const node = await LogNode.open(sqliteLog({ path: temporaryPath('log.db') }))
    const events = Array.from({ length: 40 }, (_, i) => activityOf(`c${i}`, 5_000))
    for (let i = 0; i < 40; i += 8) await node.append(...events.slice(i, i + 8))
    const other = node.follow(start)
    await until('all', () => other.records.length === 40)
    // Each takes 270 kB: 8 that are read without asking, and what a page may take beyond.
    expect(Math.max(...other.batches.map((batch) => batch.length))).toBeLessThanOrEqual(12)
    expect(other.records.map(({ event }) => event.type === 'Unreadable' ? event.detail : event.command))
      .toEqual(events.map(({ command }) => command))
    await other.stop()
    await node.close()
  })
})
