import * as fc from 'fast-check'
import { Partitioners } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { sizeOf } from '../../../../core/kafka/api.ts'
import { partitionOf, recordAt, spread } from '../../../../core/log/kafka/records.ts'
import { encodeText } from '../../../../core/log/codec.ts'
import type { DomainEvent } from '../../../../core/domain/events.ts'
import { event } from '../../../support/arbitraries.ts'
import { activityOf, eventOf, wideEventOf } from '../../../support/sample-events.ts'

const spreadOut = (events: readonly DomainEvent[], partitions: number) => spread(events, events.map(encodeText), partitions)

describe('the partition of a key', () => {
  it('is the one that the Java client takes', () => {
    const partition = Partitioners.DefaultPartitioner()
    fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.integer({ min: 1, max: 64 }), (key, count) => {
      const partitionMetadata = Array.from({ length: count }, (_, partitionId) =>
        ({ partitionId, leader: 1, partitionErrorCode: 0, replicas: [], isr: [] }))
      expect(partitionOf(key, count)).toBe(partition({ topic: 't', partitionMetadata, message: { key, value: '' } }))
    }), { numRuns: 500 })
  })
})

describe('the events of an append', () => {
  it('of one subject stand in one partition, in order, by its key', () => {
    const events = [eventOf('ann', 'c0'), eventOf('bob', 'c1'), eventOf('ann', 'c2')]
    const own = spreadOut(events, 7).get(partitionOf('ann', 7))!.filter(({ key }) => key === 'ann')
    expect(own.map(({ value }) => value)).toEqual([encodeText(events[0]!), encodeText(events[2]!)])
  })

  it('that concern all sessions stand in every partition', () => {
    const messages = spreadOut([wideEventOf('w'), activityOf('a', 2)], 3)
    expect([...messages.keys()]).toEqual([0, 1, 2])
    for (const own of messages.values()) expect(own).toHaveLength(2)
  })

  it('come back from what stands', () => {
    fc.assert(fc.property(event, (event) => {
      for (const [partition, [message]] of spreadOut([event], 3)) {
        expect(recordAt(partition, { offset: 7, text: message!.value, stamp: '1', epoch: 0 })).toEqual({ partition, offset: 7, event })
      }
    }))
  })

  it('are measured in bytes, not in characters', () => {
    expect(sizeOf([{ key: '\u{1f511}', value: 'é' }]) - sizeOf([{ key: '', value: '' }])).toBe(6)
  })
})

it('a mark of a transaction concerns nobody, and moves the place on', () => {
  expect(recordAt(1, { offset: 3, text: null, stamp: '1', epoch: 0 })).toMatchObject({
    partition: 1, offset: 3, event: { type: 'Unreadable', concerns: 'nothing' }
  })
})
