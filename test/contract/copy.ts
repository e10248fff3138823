import * as Effect from 'effect/Effect'
import { expect, it } from 'vitest'
import { copyLog, type CopyOptions, type CopyProgress } from '../../consumers/moving/copy.ts'
import type { OpenOptions } from '../../consumers/node.ts'
import { fold, live, readAll, world } from '../consumers/moving/logs.ts'
import { type Fate, mortalLog } from '../support/mortal-log.ts'

type Log = OpenOptions['log']

/** Under the names that the tests give them. */
export const copyOptions = (from: Log, to: Log, over: Partial<CopyOptions> = {}): CopyOptions =>
  ({ from: { log: from, name: 'old' }, to: { log: to, name: 'new' }, ...over })
export const copy = (from: Log, to: Log, over: Partial<CopyOptions> = {}) =>
  Effect.runPromise(copyLog(copyOptions(from, to, over), world))

/** A kind of log, and how a new one is made. */
export interface LogKind {
  readonly name: string
  readonly partitions?: number
  readonly make: () => Log
}

/** Of an order that two partitions leave open, a copy may show another than the other reader sees: with it the reasons. */
const isOrdered = ({ partitions = 1 }: LogKind): boolean => partitions === 1

/** What a copy of one kind of log into another holds. */
export const copies = (fromKind: LogKind, toKind: LogKind): void =>
  it(`from ${fromKind.name} to ${toKind.name} comes over what the sessions have come to`, async () => {
    const [from, to] = [fromKind.make(), toKind.make()]
    await live(from)
    const told: CopyProgress[] = []
    const { copied } = await copy(from, to, { onProgress: (progress) => told.push(progress) })
    expect(await fold(to, isOrdered(fromKind))).toEqual(await fold(from, isOrdered(fromKind)))
    expect([...(await fold(to, false)).values()].some((state) => state !== 'ended')).toBe(true)
    expect(told.at(-1)).toMatchObject({ state: 'finished', copied })
    expect(told.map(({ state }) => state)).toContain('copying')
    // Done again it does nothing.
    const before = await readAll(to)
    expect(await copy(from, to)).toEqual({ copied: 0 })
    expect(await readAll(to)).toEqual(before)
  })

/** What one that is broken off again and again comes to. */
export const resumes = (fromKind: LogKind, toKind: LogKind): void =>
  it(`from ${fromKind.name} to ${toKind.name} goes on where it was, wherever it was killed`, async () => {
    const [from, to] = [fromKind.make(), toKind.make()]
    await live(from)
    const fate: Fate = { calls: 0, lastStands: false, failing: new Set([2]) }
    let attempts = 0
    for (let done = false; !done; attempts++) {
      Object.assign(fate, { calls: 1 + attempts * 2, lastStands: attempts % 2 === 0 })
      const exit = await Effect.runPromiseExit(copyLog(copyOptions(mortalLog(from, fate), mortalLog(to, fate), { lag: 0 }), world))
      done = exit._tag === 'Success'
      expect(attempts).toBeLessThan(60)
    }
    expect(attempts).toBeGreaterThan(5)
    expect(await fold(to, isOrdered(fromKind))).toEqual(await fold(from, isOrdered(fromKind)))
  })
