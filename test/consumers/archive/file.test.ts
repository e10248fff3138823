import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Scope from 'effect/Scope'
import * as fc from 'fast-check'
import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import {
  appendFileSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync,
  truncateSync, writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { archiveFile, type ArchiveState, type OpenArchive } from '../../../consumers/archive.ts'
import { ArchiveUnavailable, ArchiveUnusable } from '../../../core/errors.ts'
import { position } from '../../../core/log/position.ts'
import { archivedText, positionOf } from '../../support/archives.ts'
import { failure } from '../../support/log-node.ts'
import { smallDisk } from '../../support/small-disk.ts'
import { temporaryFolder, temporaryPath } from '../../support/temp.ts'

const stateAt = (count: number): ArchiveState => ({
  source: { kind: 'test', name: 'a' }, position: position([count]),
  marks: [{ partition: 0, offset: count - 1, at: 5, command: `c${count}` }]
})

/** An archive that is open, until it is closed. */
interface Opened {
  readonly archive: OpenArchive
  readonly append: (...lines: readonly string[]) => Promise<void>
  readonly close: () => Promise<void>
}
const open = async (path: string): Promise<Opened> => {
  const scope = Scope.makeUnsafe()
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  const exit = await Effect.runPromiseExit(Scope.provide(archiveFile({ path }).open, scope))
  if (Exit.isFailure(exit)) {
    await close()
    throw Cause.squash(exit.cause)
  }
  let count = exit.value.state?.position[0] ?? 0
  const append = async (...lines: readonly string[]): Promise<void> => {
    await Effect.runPromise(exit.value.append(lines, stateAt(count + lines.length)))
    count += lines.length
  }
  return { archive: exit.value, append, close }
}
/** A new archive with a line in each of so many batches: "0", "1", ... */
const made = async (batches: number): Promise<string> => {
  const path = temporaryPath('a.ndjson.gz')
  const opened = await open(path)
  for (let i = 0; i < batches; i++) await opened.append(String(i))
  await opened.close()
  return path
}
const refusal = async (path: string): Promise<Error> => {
  try {
    await (await open(path)).close()
  } catch (error) {
    return error as Error
  }
  throw new Error('it opened')
}
const expectRefused = async (path: string, ...words: readonly string[]): Promise<void> => {
  const before = existsSync(path) ? readFileSync(path) : undefined
  const error = await refusal(path)
  expect(error).toBeInstanceOf(ArchiveUnusable)
  for (const word of [path, ...words]) expect(error.message).toContain(word)
  expect(existsSync(path) ? readFileSync(path) : undefined).toEqual(before)
}

describe('a file', () => {
  it('is gone on with where it ends', async () => {
    const path = await made(3)
    const again = await open(path)
    expect(again.archive.state).toEqual(stateAt(3))
    await again.append('x', 'y')
    await again.close()
    expect(archivedText(path)).toBe('0\n1\n2\nx\ny\n')
    expect(positionOf(path)).toMatchObject({ position: [5], bytes: statSync(path).size })
  })

  it('loses what a writer had not finished when it died, and nothing else', async () => {
    const whole = await made(3)
    const bytes = readFileSync(whole)
    const torn = gzipSync('torn\n')
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: torn.length }), fc.boolean(), async (length, temporary) => {
      const path = join(temporaryFolder(), 'a.gz')
      writeFileSync(path, Buffer.concat([bytes, torn.subarray(0, length)]))
      copyFileSync(`${whole}.position`, `${path}.position`)
      if (temporary) writeFileSync(`${path}.position.new`, '{"version":1,')
      const opened = await open(path)
      expect(readFileSync(path)).toEqual(bytes)
      await opened.append('on')
      await opened.close()
      expect(archivedText(path)).toBe('0\n1\n2\non\n')
    }), { numRuns: 25 })
  })

  it('of which a first batch was not finished begins anew', async () => {
    const path = temporaryPath('a.gz')
    const first = await open(path)
    rmSync(path)
    mkdirSync(path)
    await expect(first.append('lost')).rejects.toBeInstanceOf(ArchiveUnavailable)
    await first.close()
    rmSync(path, { recursive: true })
    const state = JSON.stringify({ version: 1, source: { kind: 'test', name: 'a' }, position: [], marks: [], bytes: 0, ends: '' })
    writeFileSync(`${path}.position`, `${state.slice(0, -1)},"check":"${hash('sha256', state)}"}`)
    writeFileSync(path, gzipSync('torn\n').subarray(0, 15))
    const opened = await open(path)
    await opened.append('first')
    await opened.close()
    expect(archivedText(path)).toBe('first\n')
  })

  it('has its position before its first byte', async () => {
    const path = temporaryPath('a.gz')
    const opened = await open(path)
    // What it would write the position to cannot be written: so nothing is.
    mkdirSync(`${path}.position.new`)
    await expect(opened.append('x')).rejects.toBeInstanceOf(ArchiveUnavailable)
    await opened.close()
    expect(statSync(path).size).toBe(0)
  })

  it('without its position, or cut off, or changed, is left alone, and it is said what to do', async () => {
    const without = await made(2)
    rmSync(`${without}.position`)
    await expectRefused(without, 'there is no', '.position', 'another file')
    const foreign = temporaryPath('notes.txt')
    writeFileSync(foreign, 'mine')
    await expectRefused(foreign, 'there is no')
    const cut = await made(2)
    truncateSync(cut, positionOf(cut).bytes - 1)
    await expectRefused(cut, 'cut off, removed or replaced')
    const gone = await made(2)
    rmSync(gone)
    await expectRefused(gone, 'cut off, removed or replaced')
    const changed = await made(2)
    const bytes = readFileSync(changed)
    bytes[bytes.length - 6]! ^= 1
    writeFileSync(changed, bytes)
    await expectRefused(changed, 'it was changed or replaced')
    const replaced = await made(2)
    writeFileSync(replaced, Buffer.alloc(10_000, 'x'))
    await expectRefused(replaced, 'it was changed or replaced')
  })

  it('with a damaged position is left alone, whatever byte of it is another', async () => {
    const path = await made(3)
    const file = `${path}.position`
    const good = readFileSync(file)
    await fc.assert(fc.asyncProperty(fc.nat(good.length - 2), fc.integer({ min: 1, max: 127 }), async (at, change) => {
      const bad = Buffer.from(good)
      bad[at]! ^= change
      writeFileSync(file, bad)
      await expectRefused(path, '.position is damaged')
    }), { numRuns: 40 })
    for (const length of [0, 1, good.length - 10]) {
      writeFileSync(file, good.subarray(0, length))
      await expectRefused(path, '.position is damaged')
    }
    writeFileSync(file, good)
    await (await open(path)).close()
  })

  it('of a newer version is left to it', async () => {
    const path = await made(1)
    const { check: _, ...body } = JSON.parse(readFileSync(`${path}.position`, 'utf8')) as Record<string, unknown>
    const newer = JSON.stringify({ ...body, version: 2 })
    writeFileSync(`${path}.position`, `${newer.slice(0, -1)},"check":"${hash('sha256', newer)}"}`)
    await expectRefused(path, 'a newer version of curfew')
  })

  it('is written by one at a time, under whatever name, and by the next when that one is gone', async () => {
    const path = await made(1)
    const link = `${path}.link`
    symlinkSync(path, link)
    const first = await open(path)
    for (const name of [path, link]) expect((await refusal(name)).message).toContain('another process archives there now')
    await first.append('on')
    await first.close()
    const next = await open(link)
    expect(next.archive.state?.position).toEqual([2])
    await next.close()
  })

  it('that was moved away while it is written gets no more, and the one in its place neither', async () => {
    const path = await made(1)
    const opened = await open(path)
    renameSync(path, `${path}.1`)
    writeFileSync(path, '')
    await expect(opened.append('lost')).rejects.toThrow('another file stands in its place')
    await opened.close()
    expect(archivedText(`${path}.1`)).toBe('0\n')
    expect(statSync(path).size).toBe(0)
  })

  it('cannot be made where there is no folder, or in the place of one', async () => {
    const folder = temporaryFolder()
    const absent = join(folder, 'none', 'a.gz')
    expect((await refusal(absent)).message).toMatch(/none[^]*make it first/)
    mkdirSync(join(folder, 'a.gz'))
    expect((await refusal(join(folder, 'a.gz'))).message).toContain('it is a folder')
    writeFileSync(join(folder, 'b.gz.lock'), 'not a lock but a text of somebody, long enough to be looked at')
    expect((await refusal(join(folder, 'b.gz'))).message).toContain('is not one')
  })
})

describe('where there is no room', () => {
  it('a batch fails, gives back what it took, and the next run goes on', async (context) => {
    const disk = smallDisk(256)
    if (!disk.ok) return context.skip(disk.reason)
    try {
      const path = join(disk.folder, 'a.gz')
      const opened = await open(path)
      await opened.append('first')
      const before = positionOf(path)
      writeFileSync(join(disk.folder, 'ballast'), Buffer.alloc(100_000))
      // Nothing that could be compressed.
      let seed = 1
      const noise = Array.from({ length: 300_000 }, () => {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
        return String.fromCharCode(33 + (seed >>> 16) % 90)
      })
      const error = await failure(opened.archive.append([noise.join('')], stateAt(2)))
      expect(error).toBeInstanceOf(ArchiveUnavailable)
      for (const word of [path, 'its disk is full', 'make room']) expect((error as Error).message).toContain(word)
      expect(statSync(path).size).toBe(before.bytes)
      expect(positionOf(path)).toEqual(before)
      await expect(opened.append('not before it is opened again')).rejects.toBeInstanceOf(ArchiveUnavailable)
      await opened.close()
      rmSync(join(disk.folder, 'ballast'))
      const next = await open(path)
      await next.append('second')
      await next.close()
      expect(archivedText(path)).toBe('first\nsecond\n')
    } finally {
      disk.unmount()
    }
  })

  it('or a limit on the size of files: the same', async (context) => {
    const limit = (bytes: string) => spawnSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`], { encoding: 'utf8' })
    const { error, status, stderr } = limit('unlimited')
    if (error !== undefined || status !== 0) return context.skip(`the size of files cannot be limited here: ${error?.message ?? stderr}`)
    const path = await made(2)
    const opened = await open(path)
    limit(String(positionOf(path).bytes + 5))
    const problem = await failure(opened.archive.append(['more'], stateAt(3)))
    limit('unlimited')
    expect((problem as Error).message).toContain('as large as a file may be here')
    await opened.close()
    const next = await open(path)
    await next.append('on')
    await next.close()
    expect(archivedText(path)).toBe('0\n1\non\n')
    expect(readdirSync(join(path, '..')).toSorted()).toEqual(['a.ndjson.gz', 'a.ndjson.gz.lock', 'a.ndjson.gz.position'])
  })
})

it('an appended batch is known only when it stands: what was appended behind its back is cut off', async () => {
  const path = await made(1)
  appendFileSync(path, gzipSync('not ours\n'))
  const opened = await open(path)
  await opened.close()
  expect(archivedText(path)).toBe('0\n')
})
