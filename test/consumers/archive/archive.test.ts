import Database from 'better-sqlite3'
import * as Effect from 'effect/Effect'
import { createSecretKey } from 'node:crypto'
import { chmodSync, copyFileSync, existsSync, renameSync, statSync } from 'node:fs'
import * as fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { archive, archiveFile, type ArchiveOptions, type ArchiveTarget } from '../../../consumers/archive.ts'
import type { DomainEvent } from '../../../core/domain/events.ts'
import { digestOf, type Token } from '../../../core/domain/token.ts'
import { ArchiveGap, ArchiveUnusable, LogDamaged } from '../../../core/errors.ts'
import { position, start } from '../../../core/log/position.ts'
import { type Link, link, toBytes } from '../../../core/log/sqlite/chain.ts'
import { openWriter } from '../../../core/log/sqlite/format.ts'
import { Pruning } from '../../../core/log/sqlite/pruning.ts'
import { memoryLog, openSessions, sqliteLog } from '../../../index.ts'
import { archivedLines, archivedText, expectedLine, positionOf } from '../../support/archives.ts'
import { LogNode } from '../../support/log-node.ts'
import { eventOf, eventsOf, sessionIdOf } from '../../support/sample-events.ts'
import { temporaryFolder, temporaryPath } from '../../support/temp.ts'
import { until } from '../../support/until.ts'

const nodes: LogNode[] = []
const open = async (path: string): Promise<LogNode> => {
  const node = await LogNode.open(sqliteLog({ path, retention: 'forever' }))
  nodes.push(node)
  return node
}
afterEach(async () => { for (const node of nodes.splice(0)) await node.close() })

const copy = (log: string, file: string, more: Partial<ArchiveOptions> = {}) =>
  archive({ from: sqliteLog({ path: log, retention: 'forever' }), to: archiveFile({ path: file }), ...more })
const failureOf = (work: Promise<unknown>): Promise<unknown> => work.then(() => undefined, (error: unknown) => error)
const expectEqual = async (node: LogNode, file: string): Promise<void> => {
  expect(archivedLines(file)).toEqual((await node.read(start)).map(expectedLine))
}
const aLog = async (count: number): Promise<{ readonly log: string; readonly file: string; readonly node: LogNode }> => {
  const folder = temporaryFolder()
  const log = `${folder}/log.db`
  const node = await open(log)
  if (count > 0) await node.append(...eventsOf('ann', 'c', count))
  return { log, file: `${folder}/log.ndjson.gz`, node }
}
const messageOf = (error: unknown): string => (error as Error).message

describe('an archive', () => {
  it('has every event once, in order, however the log grows between the runs', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.nat(300), { minLength: 1, maxLength: 5 }), async (counts) => {
      const { log, file, node } = await aLog(0)
      for (const [i, count] of counts.entries()) {
        if (count > 0) await node.append(...eventsOf('ann', `r${i}-`, count))
        expect(await copy(log, file)).toMatchObject({ events: count, gaps: 0 })
      }
      await expectEqual(node, file)
    }), { numRuns: 15 })
  })

  it('is for its owner only, and whoever made it readable for others has it so', async () => {
    const { log, file, node } = await aLog(3)
    await copy(log, file)
    for (const path of [file, `${file}.position`, `${file}.lock`]) expect(statSync(path).mode & 0o777, path).toBe(0o600)
    chmodSync(file, 0o640)
    await node.append(eventOf('ann', 'more'))
    await copy(log, file)
    expect(statSync(file).mode & 0o777).toBe(0o640)
    expect(existsSync(`${file}.position.new`)).toBe(false)
  })

  it('follows the log until it is stopped, and has what was read by then', async () => {
    const { log, file, node } = await aLog(5)
    const stop = new AbortController()
    const done = copy(log, file, { follow: true, batchAge: 20, signal: stop.signal } as never)
    await until('the first are there', () => existsSync(`${file}.position`) && positionOf(file).position[0] === 5)
    await node.append(...eventsOf('ann', 'd', 7))
    await until('those that came later are', () => positionOf(file).position[0] === 12)
    stop.abort()
    expect(await done).toMatchObject({ events: 12, position: [12] })
    await expectEqual(node, file)
  })

  it('writes what it has read when it is stopped, and does not wait for a batch to be full', async () => {
    const { log, file, node } = await aLog(5)
    const stop = new AbortController()
    const done = copy(log, file, { follow: true, batchAge: '1 hour', signal: stop.signal } as never)
    await until('it is open', () => existsSync(file))
    // Behind what it is sure to have read: another reader of the same file has seen it.
    const following = node.follow(start)
    await until('it was read', () => following.records.length === 5)
    await following.stop()
    stop.abort()
    const { events } = await done
    expect(archivedLines(file)).toHaveLength(events)
    expect((await copy(log, file)).events).toBe(5 - events)
    await expectEqual(node, file)
  })

  it('that is stopped while it writes has what it wrote, once', async () => {
    const { log, file, node } = await aLog(50)
    const stop = new AbortController()
    const to = archiveFile({ path: file })
    const stopping: ArchiveTarget = {
      ...to,
      open: Effect.map(to.open, (opened) => ({
        ...opened,
        append: (lines, state) => Effect.suspend(() => {
          const appended = opened.append(lines, state)
          // As soon as it has begun: what runs is told before what was begun is done.
          queueMicrotask(() => stop.abort())
          return appended
        })
      }))
    }
    const from = sqliteLog({ path: log, retention: 'forever' })
    expect(await archive({ from, to: stopping, follow: true, batchAge: 10, signal: stop.signal })).toMatchObject({ events: 50 })
    await expectEqual(node, file)
    expect(await copy(log, file)).toMatchObject({ events: 0 })
  })

  it('says how far it has come', async () => {
    const { log, file } = await aLog(10)
    const told: unknown[] = []
    await copy(log, file, { onProgress: (progress) => { told.push(progress) } })
    expect(told).toEqual([{ events: 10, gaps: 0, position: [10], head: [10] }])
  })

  it('has no digest and no token, and no attributes where they are not wished', async () => {
    const { log, file } = await aLog(0)
    const sessions = await openSessions({ log: sqliteLog({ path: log }), node: 'a' })
    const { token } = await sessions.create({ subject: 'ada', attributes: { theme: 'dark-secret' }, device: { label: 'the phone' } })
    const { token: second } = await sessions.rotate(token)
    sessions.validate(second)
    const { token: third } = await sessions.reauthenticate(second, { level: 'aal2', methods: ['otp'] })
    await sessions.update(third, { theme: 'light-secret' })
    await sessions.revoke({ token: third })
    await sessions.close()
    const bare = `${file}.bare`
    await copy(log, file)
    await copy(log, bare, { without: ['attributes', 'device'] })
    const tokens = [token, second, third]
    for (const path of [file, bare]) {
      const text = archivedText(path) + JSON.stringify(positionOf(path))
      expect(text).toMatch(/SessionStarted[^]*TokenRotated[^]*Reauthenticated[^]*SessionEnded/)
      for (const secret of tokens) for (const word of [secret, digestOf(secret as Token)]) expect(text).not.toContain(word)
      expect(text).not.toContain('"digest"')
    }
    expect(archivedText(file)).toMatch(/the phone[^]*dark-secret|dark-secret[^]*the phone/)
    expect(archivedText(file)).toContain('light-secret')
    expect(archivedText(bare)).not.toMatch(/secret|phone/)
  })
})

describe('the log that an archive is of', () => {
  it('is known again where it was moved to', async () => {
    const { log, file, node } = await aLog(4)
    await copy(log, file)
    await node.append(eventOf('ann', 'later'))
    nodes.pop()
    await node.close()
    renameSync(log, `${log}.moved`)
    expect(await copy(`${log}.moved`, file)).toMatchObject({ events: 1 })
    await expectEqual(await open(`${log}.moved`), file)
  })

  it('is not taken for another, or an older copy of it', async () => {
    const { log, file, node } = await aLog(4)
    copyFileSync(log, `${log}.copy`)
    await copy(log, file)
    const before = archivedText(file)
    const longer = await aLog(0)
    await longer.node.append(...eventsOf('bob', 'other', 9))
    const shorter = await aLog(2)
    await node.append(eventOf('ann', 'here'))
    await copy(log, file)
    const whole = archivedText(file)
    expect(whole).not.toBe(before)
    for (const path of [longer.log, shorter.log]) {
      const error = await failureOf(copy(path, file, { acceptGap: true }))
      expect(error).toBeInstanceOf(ArchiveUnusable)
      for (const word of [file, log, path, 'archive this one to another place']) expect(messageOf(error)).toContain(word)
    }
    const error = await failureOf(archive({ from: memoryLog(), to: archiveFile({ path: file }) }))
    expect(messageOf(error)).toContain('another kind')
    expect(archivedText(file)).toBe(whole)
  })

  it('that was replaced by an older copy says so, and no gap is made of it', async () => {
    const { log, file, node } = await aLog(4)
    nodes.pop()
    await node.close()
    copyFileSync(log, `${log}.older`)
    const again = await open(log)
    await again.append(...eventsOf('ann', 'later', 4))
    await copy(log, file)
    nodes.pop()
    await again.close()
    renameSync(`${log}.older`, log)
    const error = await failureOf(copy(log, file, { acceptGap: true }))
    expect(error).toBeInstanceOf(ArchiveUnusable)
    expect(messageOf(error)).toContain('it ends at [4], and the archive at [8]')
  })

  it('that went another way from a copy is another', async () => {
    const { log, file, node } = await aLog(4)
    nodes.pop()
    await node.close()
    copyFileSync(log, `${log}.copy`)
    const [one, other] = [await open(log), await open(`${log}.copy`)]
    await one.append(eventOf('ann', 'this-way'))
    await other.append(...eventsOf('ann', 'that-way-', 3))
    await copy(log, file)
    nodes.splice(0)
    await one.close()
    await other.close()
    copyFileSync(`${log}.copy`, log)
    const error = await failureOf(copy(log, file))
    expect(error).toBeInstanceOf(ArchiveUnusable)
    expect(messageOf(error)).toContain('its record 4 is not the one that was archived')
  })
})

const now = 1_800_000_000_000
const eventAt = (i: number): DomainEvent => ({ ...eventOf('ann', `c${i}`), at: now - (1_000 - i) * 1_000 })
/** Takes out what is older than so many seconds, as a node does. */
const prune = (path: string, seconds: number): number => {
  const opened = openWriter(path)
  if (!opened.ok) throw new Error(opened.failure.message)
  const pruning = new Pruning(opened.db, createSecretKey(Buffer.from('the key of the log')))
  for (;;) {
    const { more, pruned } = pruning.step(seconds * 1_000, now)
    if (more) continue
    opened.db.close()
    return pruned
  }
}

describe('a log that has forgotten', () => {
  it('what was archived is gone on with; what was not is a gap, which can be accepted, and is told of', async () => {
    const { log, file, node } = await aLog(0)
    await node.append(...Array.from({ length: 300 }, (_, i) => eventAt(i)))
    await copy(log, file)
    await node.append(...Array.from({ length: 700 }, (_, i) => eventAt(300 + i)))
    const kept = prune(log, 400)
    expect(kept).toBe(500)
    const error = await failureOf(copy(log, file))
    expect(error).toBeInstanceOf(ArchiveGap)
    expect(error).toMatchObject({ from: [300], to: [500] })
    for (const word of ['[300]', '[500]', '--accept-gap', file]) expect(messageOf(error)).toContain(word)
    expect(archivedLines(file)).toHaveLength(300)
    expect(await copy(log, file, { acceptGap: true })).toMatchObject({ events: 500, gaps: 1, position: [1_000] })
    const lines = archivedLines(file)
    expect(lines[300]).toEqual({ gap: { from: [300], to: [500], acceptedAt: expect.any(Number) as number } })
    expect(lines.slice(301)).toEqual((await node.read(start)).map(expectedLine))
    expect(await copy(log, file)).toMatchObject({ events: 0, gaps: 0 })
  })

  it('just what was archived, and no more, has no gap', async () => {
    const { log, file, node } = await aLog(0)
    await node.append(...Array.from({ length: 500 }, (_, i) => eventAt(i)))
    await copy(log, file)
    await node.append(...Array.from({ length: 500 }, (_, i) => eventAt(500 + i)))
    expect(prune(log, 400)).toBe(500)
    expect(await copy(log, file)).toMatchObject({ events: 500, gaps: 0 })
    expect(archivedLines(file).map(({ offset }) => offset)).toEqual(Array.from({ length: 1_000 }, (_, i) => i))
  })

  it('and has another name cannot be known again', async () => {
    const { log, file, node } = await aLog(0)
    await node.append(...Array.from({ length: 300 }, (_, i) => eventAt(i)))
    await copy(log, file)
    await node.append(...Array.from({ length: 700 }, (_, i) => eventAt(300 + i)))
    prune(log, 400)
    nodes.pop()
    await node.close()
    renameSync(log, `${log}.moved`)
    const error = await failureOf(copy(`${log}.moved`, file, { acceptGap: true }))
    expect(error).toBeInstanceOf(ArchiveUnusable)
  })

  it('while it is followed goes on behind the gap', async () => {
    const { log, file, node } = await aLog(0)
    await node.append(...Array.from({ length: 300 }, (_, i) => eventAt(i)))
    await copy(log, file)
    await node.append(...Array.from({ length: 700 }, (_, i) => eventAt(300 + i)))
    prune(log, 400)
    const stop = new AbortController()
    const done = copy(log, file, { follow: true, acceptGap: true, batchAge: 20, signal: stop.signal } as never)
    await until('all is there', () => positionOf(file).position[0] === 1_000)
    await node.append(eventOf('ann', 'last'))
    await until('and what came', () => positionOf(file).position[0] === 1_001)
    stop.abort()
    expect(await done).toMatchObject({ events: 501, gaps: 1 })
  })
})

describe('a log that is damaged', () => {
  it('is archived up to there, and no gap is made of it', async () => {
    const { log, file, node } = await aLog(400)
    nodes.pop()
    await node.close()
    const db = new Database(log)
    db.exec(`UPDATE event SET body = replace(body, 'logout', 'evicted') WHERE seq = 301`)
    db.close()
    for (const acceptGap of [false, true]) {
      const error = await failureOf(copy(log, file, { acceptGap }))
      expect(error).toBeInstanceOf(LogDamaged)
      expect((error as LogDamaged).position).toEqual(position([300]))
      expect(archivedLines(file)).toHaveLength(300)
    }
  })

  it('has records of a newer version in it, as such', async () => {
    const { log, file, node } = await aLog(1)
    const db = new Database(log)
    const before = db.prepare<[], Buffer>('SELECT hash FROM event WHERE seq = 1').pluck().get()!
    const body = JSON.stringify({ v: 9, type: 'Novelty', session: sessionIdOf(3), token: 'a-secret-of-tomorrow' })
    const hash = toBytes(link(before.toString('latin1') as Link, 2, body))
    db.prepare('INSERT INTO event (seq, body, hash) VALUES (2, ?, ?)').run(body, hash)
    db.close()
    await copy(log, file)
    expect(archivedLines(file)[1]).toEqual({
      partition: 0, offset: 1,
      unreadable: { concerns: 'session', session: sessionIdOf(3), detail: 'an event of a newer version or kind' }
    })
    expect(archivedText(file)).not.toContain('tomorrow')
    await node.append(eventOf('ann', 'behind-it'))
    await copy(log, file)
    await expectEqual(node, file)
  })
})

it.each([
  ['from', { from: 5 }], ['to', { to: {} }], ['follow', { follow: 1 }], ['without', { without: ['digests'] }],
  ['acceptGap', { acceptGap: 'yes' }], ['batchAge', { batchAge: '1 millisecond' }], ['nonsense', { nonsense: 1 }],
  ['onProgress', { onProgress: 5 }], ['signal', { signal: 5 }], ['path', { to: archiveFile({ path: '' }) }]
])('the option %s is named where it is wrong', async (option, wrong) => {
  const right = { from: memoryLog(), to: archiveFile({ path: temporaryPath('a.gz') }) }
  const error = await failureOf(archive({ ...right, ...wrong } as never))
  expect(error).toMatchObject({ _tag: 'InvalidOptions', option })
})
