import { spawnSync } from 'node:child_process'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import * as Effect from 'effect/Effect'
import { afterEach, describe, expect, it } from 'vitest'
import { LogUnavailable } from '../../../../core/errors.ts'
import { start } from '../../../../core/log/position.ts'
import { sqliteLog, verifyLog } from '../../../../core/log/sqlite.ts'
import { failure, LogNode } from '../../../support/log-node.ts'
import { activityOf, eventOf, eventsOf } from '../../../support/sample-events.ts'
import { smallDisk } from '../../../support/small-disk.ts'
import { temporaryPath } from '../../../support/temp.ts'
import { until } from '../../../support/until.ts'

const nodes: LogNode[] = []
const open = async (path: string): Promise<LogNode> => {
  const node = await LogNode.open(sqliteLog({ path }))
  nodes.push(node)
  return node
}
afterEach(async () => { for (const node of nodes.splice(0)) await node.close() })

const commandsOf = async (node: LogNode): Promise<readonly string[]> =>
  (await node.read(start)).map(({ event }) => event.type === 'Unreadable' ? event.detail : event.command)

const expectUnavailable = (error: unknown, ...words: readonly string[]): void => {
  expect(error).toBeInstanceOf(LogUnavailable)
  for (const word of words) expect((error as LogUnavailable).message).toContain(word)
}

/** How many transactions a write-ahead log holds: frames that say how large the database is behind them. */
const commitsIn = (wal: Buffer): number => {
  const frame = 24 + wal.readUInt32BE(8)
  let commits = 0
  for (let at = 32; at + frame <= wal.length; at += frame) {
    const isOfThisRound = wal.subarray(at + 8, at + 16).equals(wal.subarray(16, 24))
    if (isOfThisRound && wal.readUInt32BE(at + 4) !== 0) commits++
  }
  return commits
}

describe('another process holds the write lock', () => {
  it('the event loop goes on, reads are answered, and what was appended meanwhile shares a commit', async () => {
    const path = temporaryPath('log.db')
    const node = await open(path)
    await node.append(eventOf('ann', 'first'))
    const before = commitsIn(readFileSync(`${path}-wal`))
    const other = new Database(path)
    other.exec('BEGIN IMMEDIATE')
    const appends = eventsOf('ann', 'c', 300).map((event) => node.append(event))
    let turns = 0
    await until('the loop goes on', () => ++turns > 50)
    expect(node.log.status().details).toMatchObject({ waiting: 300 })
    expect(await commandsOf(node)).toEqual(['first'])
    other.exec('ROLLBACK')
    other.close()
    await Promise.all(appends)
    expect(await commandsOf(node)).toHaveLength(301)
    expect(node.log.status().details).toMatchObject({ waiting: 0 })
    // The ones of the first tick, and those that came while it waited: not 300 commits.
    expect(commitsIn(readFileSync(`${path}-wal`)) - before).toBeLessThanOrEqual(2)
  })

  it('for too long: LogUnavailable, and the next append succeeds once it lets go', async () => {
    const path = temporaryPath('log.db')
    const node = await open(path)
    const other = new Database(path)
    other.exec('BEGIN IMMEDIATE')
    const error = await failure(node.log.append([eventOf('ann', 'c0')]))
    expectUnavailable(error, path, 'locked by another process', '2000 ms')
    expect(node.log.status().failure).toContain('locked by another process')
    other.exec('ROLLBACK')
    other.close()
    await node.append(eventOf('ann', 'c1'))
    expect(node.log.status().failure).toBe(null)
    expect(await commandsOf(node)).toEqual(['c1'])
  })
})

describe('appends that arrive while a commit runs', () => {
  it('share the next', async () => {
    const path = temporaryPath('log.db')
    const node = await open(path)
    const appends: Array<Promise<unknown>> = []
    // Each in a tick of its own: only the commits that they wait for bring them together.
    for (let i = 0; i < 400; i++) {
      appends.push(node.append(eventOf('ann', `c${i}`)))
      if (i % 20 === 0) await Promise.resolve()
      await new Promise((resolve) => { process.nextTick(resolve) })
    }
    await Promise.all(appends)
    expect(await commandsOf(node)).toEqual(Array.from({ length: 400 }, (_, i) => `c${i}`))
    expect(commitsIn(readFileSync(`${path}-wal`))).toBeLessThan(100)
  })
})

describe('the disk is full', () => {
  it('what does not fit fails, what fits does not, and with room appends go on without a restart', async (context) => {
    const disk = smallDisk(1_024)
    if (!disk.ok) return context.skip(disk.reason)
    try {
      const path = join(disk.folder, 'log.db')
      const node = await open(path)
      await node.append(eventOf('ann', 'first'))
      const results = await Promise.all([
        failure(node.log.append([eventOf('ann', 'c0')])),
        failure(node.log.append([eventOf('ann', 'l0'), ...[1, 2, 3].map((i) => activityOf(`l${i}`, 10_000))])),
        failure(node.log.append([eventOf('ann', 'c1')]))
      ])
      expectUnavailable(results[1], 'has no room', 'SQLITE_FULL', path)
      expect([results[0], results[2]]).toEqual([undefined, undefined])
      expect(await commandsOf(node)).toEqual(['first', 'c0', 'c1'])

      fill(join(disk.folder, 'ballast'))
      const small = await firstFailure(async () => failure(node.log.append([activityOf('more', 500)])))
      expectUnavailable(small, 'has no room', 'without a restart')
      expect(node.log.status().failure).toContain('has no room')
      const kept = await commandsOf(node)
      expect(kept.slice(0, 3)).toEqual(['first', 'c0', 'c1'])

      rmSync(join(disk.folder, 'ballast'))
      await node.append(eventOf('ann', 'last'))
      expect(node.log.status().failure).toBe(null)
      expect(await commandsOf(node)).toEqual([...kept, 'last'])
      await node.close()
      expect(await Effect.runPromise(verifyLog(path))).toMatchObject({ intact: true, records: kept.length + 1 })
    } finally {
      for (const node of nodes.splice(0)) await node.close()
      disk.unmount()
    }
  })
})

/** Takes all the room that is left. */
const fill = (path: string): void => {
  for (let bytes = 1_048_576; bytes >= 1_024; bytes /= 2) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(bytes), { flag: 'a' })
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC')
    }
  }
}

/** Repeats until there is a failure: the file still has pages of its own to write into. */
const firstFailure = async (attempt: () => Promise<unknown>): Promise<unknown> => {
  let error: unknown
  await until('it fails', async () => (error = await attempt()) !== undefined)
  return error
}

describe('the operating system fails to write', () => {
  it('LogUnavailable, and appends go on once it does not', async (context) => {
    const limit = (bytes: string): string | undefined => {
      const args = ['--pid', String(process.pid), `--fsize=${bytes}:`]
      const { error, stderr, status } = spawnSync('prlimit', args, { encoding: 'utf8' })
      return error?.message ?? (status === 0 ? undefined : stderr)
    }
    const problem = limit('unlimited')
    if (problem !== undefined) return context.skip(`the size of files cannot be limited here: ${problem}`)
    const path = temporaryPath('log.db')
    const node = await open(path)
    await node.append(eventOf('ann', 'first'))
    limit('65536')
    const error = await firstFailure(() => failure(node.log.append([activityOf('more', 500)])))
    const kept = await commandsOf(node)
    limit('unlimited')
    expectUnavailable(error, 'could not be read or written', 'SQLITE_IOERR', path)
    await node.append(eventOf('ann', 'last'))
    expect(await commandsOf(node)).toEqual([...kept, 'last'])
    await node.close()
    expect(await Effect.runPromise(verifyLog(path))).toMatchObject({ intact: true, records: kept.length + 1 })
  })
})

describe('the file is no longer at its path', () => {
  it.each(['removed', 'replaced'])('%s: appends and head fail, and go on once it is back', async (how) => {
    const path = temporaryPath('log.db')
    const node = await open(path)
    await node.append(eventOf('ann', 'c0'))
    renameSync(path, `${path}.away`)
    if (how === 'replaced') writeFileSync(path, '')
    expectUnavailable(await failure(node.log.append([eventOf('ann', 'lost')])), 'was moved, removed or replaced', path)
    expectUnavailable(await failure(node.log.head), 'was moved, removed or replaced', path)
    expect(node.log.status().failure).toContain('was moved')
    renameSync(`${path}.away`, path)
    await node.append(eventOf('ann', 'c1'))
    await node.head()
    expect(node.log.status().failure).toBe(null)
    // What was refused was not written to the file that was open: a create that was rejected does not come to stand.
    expect(await commandsOf(node)).toEqual(['c0', 'c1'])
  })
})

describe('the thread that writes dies', () => {
  it('what was not answered fails, the next append starts another', async () => {
    const workers: Worker[] = []
    const onWorker = (worker: Worker) => { workers.push(worker) }
    process.on('worker', onWorker)
    const path = temporaryPath('log.db')
    const node = await open(path)
    await node.append(eventOf('ann', 'c0'))
    const following = node.follow(start)
    const other = new Database(path)
    other.exec('BEGIN IMMEDIATE')
    const unanswered = failure(node.log.append([eventOf('ann', 'c1')]))
    await until('it was sent', () => node.log.status().details['waiting'] === 1)
    const ended = workers[0]!.terminate()
    other.exec('ROLLBACK')
    other.close()
    await ended
    expectUnavailable(await unanswered, path, 'the thread that writes it')
    await node.append(eventOf('ann', 'c2'))
    process.off('worker', onWorker)
    expect(workers).toHaveLength(2)
    await until('the tail goes on', () => following.records.length >= 2)
    expect((await commandsOf(node)).filter((command) => command !== 'c1')).toEqual(['c0', 'c2'])
    await following.stop()
  })

  it('a reading goes on without it', async () => {
    const workers: Worker[] = []
    const onWorker = (worker: Worker) => { workers.push(worker) }
    process.on('worker', onWorker)
    const node = await open(temporaryPath('log.db'))
    process.off('worker', onWorker)
    const events = eventsOf('ann', 'c', 4_000)
    await node.append(...events)
    const following = node.follow(start, async (batch) => {
      if (batch[0]!.offset > 600) await workers[0]!.terminate()
    })
    await until('all is read', () => following.records.length === 4_000)
    expect(following.records.map(({ event }) => event)).toEqual(events)
    await following.stop()
  })
})
