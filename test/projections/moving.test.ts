import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DomainEvent } from '../../core/domain/events.ts'
import type { CommandId } from '../../core/domain/ids.ts'
import { position } from '../../core/log/position.ts'
import { behindCopy, isBehindSeal } from '../../core/store/log-move.ts'
import { makeIndex } from '../../projections/validity/validity.ts'
import { Driver, op } from './driver.ts'

const envelope = { v: 1, at: 1_750_000_000_000, by: 'copier', command: 'move' as CommandId } as const
const sealed: DomainEvent = { type: 'LogSealed', ...envelope, to: 'new' }
const started: DomainEvent = { type: 'LogCopyStarted', ...envelope, from: 'old' }
const finished: DomainEvent = { type: 'LogCopyFinished', ...envelope, from: 'old' }

const histories = fc.array(op, { minLength: 5, maxLength: 40, size: 'max' })
const nothing = (): void => undefined
const events = { onPendingPresented: nothing, onReuse: nothing, onEnded: nothing, onReturn: nothing }

describe('behind a seal everything is void, partition by partition', () => {
  test.each([1, 3])('in a log of so many partitions: %i', (partitions) => {
    fc.assert(fc.property(histories, histories, histories, fc.nat(2), (before, between, after, which) => {
      const driver = new Driver({ partitions })
      driver.play(before, 3)
      driver.append(sealed, which % partitions)
      driver.play(between, 3)
      for (let i = 0; i < partitions; i++) driver.append(sealed, i)
      driver.play(after, 3)
      driver.compare()
      // The fold of what stands in front of the seals is the fold of all.
      const index = makeIndex({ events })
      const seals = driver.index.move().sealedAt
      for (const record of driver.records) if (record.offset <= seals.get(record.partition)!) index.apply(record)
      const plain = makeIndex({ events })
      for (const record of driver.records) plain.apply(record)
      for (const id of driver.ids) expect(plain.state(id)).toEqual(index.state(id))
    }), { numRuns: 40 })
  }, 120_000)
})

describe('a log that is being copied', () => {
  test('is not trusted until it is finished in every partition, whatever stands between', () => {
    fc.assert(fc.property(histories, fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), (ops, order) => {
      const driver = new Driver({ partitions: 3 })
      for (let i = 0; i < 3; i++) driver.append(started, i)
      expect(driver.index.distrust()).toEqual([expect.stringContaining('being copied from old')])
      driver.play(ops, 5)
      order.forEach((partition, i) => {
        expect(driver.index.move().copy).toBe('copying')
        driver.append(finished, partition)
        expect(driver.index.distrust().length).toBe(i === 2 ? 0 : 1)
      })
      expect(driver.index.move().copy).toBe('finished')
      // Repeated, as after an answer that was lost.
      driver.append(started, 0)
      driver.append(finished, 0)
      driver.compare()
    }), { numRuns: 50 })
  }, 120_000)
})

describe('places of a log that moves', () => {
  const folded = (...all: readonly (readonly [DomainEvent, number, number])[]) => {
    const index = makeIndex({ events })
    for (const [event, partition, offset] of all) index.apply({ event, partition, offset })
    return index.move()
  }

  test('an append is void if any of it stands behind a seal', () => {
    const move = folded([sealed, 0, 7], [sealed, 2, 3])
    expect(isBehindSeal(move, position([7]))).toBe(false)
    expect(isBehindSeal(move, position([8]))).toBe(false)
    expect(isBehindSeal(move, position([9]))).toBe(true)
    expect(isBehindSeal(move, position([0, 99, 4]))).toBe(false)
    expect(isBehindSeal(move, position([0, 0, 5]))).toBe(true)
    expect(isBehindSeal(folded(), position([9]))).toBe(false)
  })

  test('what is the log\'s own stands behind the copy', () => {
    expect(behindCopy(folded([started, 0, 0], [started, 1, 0], [finished, 1, 4], [finished, 0, 9]))).toEqual([10, 5])
  })
})
