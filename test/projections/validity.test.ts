import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evolve } from '../../core/domain/session.ts'
import { Driver, op } from './driver.ts'
import { Model } from './model.ts'

const histories = (maxLength: number) => fc.array(op, { minLength: 5, maxLength, size: 'max' })

describe('the index is the fold of the log, and early revocations above it', () => {
  test('on a log of one partition', () => {
    fc.assert(fc.property(histories(70), fc.integer({ min: 1, max: 12 }), (ops, every) => {
      const driver = new Driver()
      driver.play(ops, every)
      driver.settle()
      driver.compare()
    }), { numRuns: 300 })
  }, 120_000)

  test('on a log of three partitions', () => {
    fc.assert(fc.property(histories(70), fc.integer({ min: 1, max: 12 }), (ops, every) => {
      const driver = new Driver({ partitions: 3 })
      driver.play(ops, every)
      driver.settle()
      driver.compare()
    }), { numRuns: 300 })
  }, 120_000)

  test('with all early revocations in the log it is what the log alone gives', () => {
    fc.assert(fc.property(histories(60), (ops) => {
      const driver = new Driver()
      driver.play(ops)
      driver.settle()
      const plain = new Model()
      for (const record of driver.records) plain.apply(record)
      for (const known of plain.known.values()) {
        const state = driver.index.state(known.last.id)
        const wanted = known.isBlocked ? 'ended' : known.state.status
        expect(state.status === 'none' || known.isBlocked ? 'ended' : state.status).toBe(wanted)
        if (state.status === 'ended' && known.state.status === 'ended') expect(state).toEqual(known.state)
      }
    }), { numRuns: 200 })
  }, 120_000)

  test('a model with another fold is told apart', () => {
    const broken = new Model((state, event) => event.type === 'AttributesChanged' ? state : evolve(state, event))
    const ops = [
      { op: 'start', a: 0, b: 1, c: 1 }, { op: 'session', kind: 4, a: 0, b: 1 }
    ] as const
    expect(() => new Driver({}, broken).play(ops)).toThrow()
    new Driver().play(ops)
  })
})
