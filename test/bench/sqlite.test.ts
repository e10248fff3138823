import Database from 'better-sqlite3'
import * as Effect from 'effect/Effect'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  bareWriter, commitsInWal, lastSeq, readBodies, readRows, restartWal, rowsBehind
} from '../../bench/harness/bare-sqlite.ts'
import { population } from '../../bench/harness/population.ts'
import { silent } from '../../bench/harness/progress.ts'
import { withLog, writeLog } from '../../bench/harness/write-log.ts'

let folder = ''
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'curfew-bench-test-')) })
afterEach(() => { rmSync(folder, { recursive: true, force: true }) })

const people = population(5_000, 1_700_000_000_000)
const fill = (path: string, count: number): Promise<number> => {
  let next = 0
  return writeLog(path, count, () => next < count ? people.started(next++) : undefined, silent)
}

describe('a log that is written for a case', () => {
  test('holds what was given, in order, and bare reading finds all of it', async () => {
    const path = join(folder, 'log.db')
    expect(await fill(path, 5_000)).toBe(5_000)
    const rows = readRows(path)
    expect(rows.records).toBe(5_000)
    expect(readBodies(path)).toEqual({ ...rows, ns: expect.any(Number) as unknown })
    expect(lastSeq(path)).toBe(5_000)
    const [last] = rowsBehind(path, 4_999)
    expect(JSON.parse(last!.body)).toMatchObject({ type: 'SessionStarted', session: people.id(4_999) })
  })
})

describe('counting transactions in the write-ahead log', () => {
  test('one each, however many records it has; none that was there before', async () => {
    const path = join(folder, 'log.db')
    await fill(path, 1_000)
    await withLog(path, async (log) => {
      expect(restartWal(path)).toBe(true)
      for (const i of [1, 2, 3]) await Effect.runPromise(log.append([people.started(i)]))
      expect(commitsInWal(path)).toBe(3)
      await Effect.runPromise(log.append(Array.from({ length: 200 }, (_, i) => people.started(i))))
      expect(commitsInWal(path)).toBe(4)
      expect(restartWal(path)).toBe(true)
      await Effect.runPromise(log.append([people.started(5)]))
      expect(commitsInWal(path)).toBe(1)
    })
  })

  test('what is left over from before the log began anew is not counted', async () => {
    const path = join(folder, 'log.db')
    await fill(path, 10)
    await withLog(path, async (log) => {
      for (const i of [1, 2, 3]) await Effect.runPromise(log.append([people.started(i)]))
      const db = new Database(path)
      db.pragma('wal_checkpoint(RESTART)')
      db.close()
      await Effect.runPromise(log.append([people.started(4)]))
      expect(commitsInWal(path)).toBe(1)
    })
  })
})

describe('the bare writer', () => {
  test('has the log\'s own table and pragmas, and inserts the very rows', async () => {
    const path = join(folder, 'log.db')
    await fill(path, 10)
    const rows = rowsBehind(path, 0)
    const copy = join(folder, 'bare.db')
    const bare = bareWriter(copy)
    bare.commit(rows)
    expect(bare.count()).toBe(10)
    bare.close()
    expect(rowsBehind(copy, 0)).toEqual(rows)
  })
})
