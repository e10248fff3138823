import * as Effect from 'effect/Effect'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoredEvent } from '../../../../core/log/port.ts'
import { start } from '../../../../core/log/position.ts'
import { sqliteLog, verifyLog } from '../../../../core/log/sqlite.ts'
import { LogNode } from '../../../support/log-node.ts'
import { temporaryPath } from '../../../support/temp.ts'
import { until } from '../../../support/until.ts'
import { WriterProcess } from '../../../support/writer-process.ts'

interface Found {
  readonly index: number
  readonly offset: number
}

/** What stands in the log of each append, by "writer-lane-append": the indexes of its events, and where they stand. */
const appendsIn = (records: readonly StoredEvent[]): ReadonlyMap<string, readonly Found[]> => {
  const appends = new Map<string, Found[]>()
  for (const { event, offset } of records) {
    if (event.type === 'Unreadable') throw new Error(event.detail)
    const [writer, lane, append, index] = event.command.split('-')
    const key = `${writer}-${lane}-${append}`
    const list = appends.get(key) ?? []
    list.push({ index: Number(index), offset })
    appends.set(key, list)
  }
  return appends
}

const sizeOf = (key: string): number => {
  const [, lane, append] = key.split('-').map(Number)
  return 1 + (lane! + append!) % 5
}

/** Every append is whole, once, its events one behind the other; all that was answered is there; lanes are in order. */
const expectWhole = (records: readonly StoredEvent[], writers: readonly WriterProcess[]): void => {
  expect(records.map(({ offset }) => offset)).toEqual(records.map((_, i) => i))
  const appends = appendsIn(records)
  const lastOfLane = new Map<string, number>()
  for (const [key, events] of appends) {
    const first = events[0]!.offset
    expect(events, key).toEqual(Array.from({ length: sizeOf(key) }, (_, i) => ({ index: i, offset: first + i })))
    const [writer, lane, append] = key.split('-')
    const before = lastOfLane.get(`${writer}-${lane}`) ?? -1
    expect(Number(append), key).toBe(before + 1)
    lastOfLane.set(`${writer}-${lane}`, Number(append))
  }
  for (const { name, answered } of writers) {
    for (const { lane, append } of answered) expect([...appends.keys()]).toContain(`${name}-${lane}-${append}`)
  }
}

describe('several processes on one file', () => {
  it('all that they append stands in one order, whole, and reaches a node of another process in it', async () => {
    const path = temporaryPath('log.db')
    const node = await LogNode.open(sqliteLog({ path }))
    const following = node.follow(start)
    const writers = Array.from({ length: 4 }, (_, i) => new WriterProcess(path, `w${i}`, 6, 40))
    await Promise.all(writers.map((writer) => writer.ended()))
    const records = await node.read(start)
    expectWhole(records, writers)
    expect(writers.map(({ answered }) => answered.length)).toEqual([240, 240, 240, 240])
    expect(appendsIn(records).size).toBe(960)
    await until('the tail has it all', () => following.records.length === records.length)
    expect(following.records).toEqual(records)
    await following.stop()
    await node.close()
    const verification = await Effect.runPromise(verifyLog(path))
    expect(verification).toMatchObject({ intact: true, records: records.length, unreadable: 0 })
  }, 60_000)
})

describe('kill -9 in the middle of appends', () => {
  it('loses nothing that was answered, and leaves no half append', async () => {
    const path = temporaryPath('log.db')
    const writers: WriterProcess[] = []
    // At some answer each, of one, then of several at once: the moment within a commit is the scheduler's.
    const rounds = fc.sample(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 3 }), 6)
    for (const [round, answers] of rounds.entries()) {
      const now = answers.map((_, i) => new WriterProcess(path, `r${round}w${i}`, 5))
      writers.push(...now)
      await Promise.all(now.map(async (writer, i) => {
        await writer.answers(answers[i]!)
        await writer.kill()
      }))
      expect((await Effect.runPromise(verifyLog(path))).problem, `killed after ${JSON.stringify(rounds)}`).toBe(null)
    }
    const node = await LogNode.open(sqliteLog({ path }))
    const records = await node.read(start)
    expectWhole(records, writers)
    expect(records.length).toBeGreaterThan(rounds.flat().length)
    await node.close()
  }, 60_000)

  it('while another process reads and writes on, disturbs neither', async () => {
    const path = temporaryPath('log.db')
    const node = await LogNode.open(sqliteLog({ path }))
    const following = node.follow(start)
    const survivor = new WriterProcess(path, 'survivor', 3, 150)
    const killed: WriterProcess[] = []
    for (let i = 0; i < 5; i++) {
      const writer = new WriterProcess(path, `k${i}`, 4)
      killed.push(writer)
      await writer.answers(5 + i * 7)
      await writer.kill()
    }
    await survivor.ended()
    const records = await node.read(start)
    expectWhole(records, [survivor, ...killed])
    expect(survivor.answered).toHaveLength(450)
    await until('the tail has it all', () => following.records.length === records.length)
    expect(following.records).toEqual(records)
    await following.stop()
    await node.close()
    expect((await Effect.runPromise(verifyLog(path))).problem).toBe(null)
  }, 60_000)
})
