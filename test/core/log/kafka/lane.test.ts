import * as Effect from 'effect/Effect'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../../core/clock.ts'
import type { Brokers } from '../../../../core/kafka/brokers.ts'
import type { Trouble } from '../../../../core/kafka/trouble.ts'
import { Lane, type Outcome } from '../../../../core/log/kafka/lane.ts'
import type { Stand } from '../../../../core/log/kafka/stand.ts'

/** A lane whose way to the leader does one of these after the other, and the last one ever after. */
const laneOf = (...ways: ReadonlyArray<Effect.Effect<never, Trouble>>) => {
  let asked = 0
  const brokers = { leader: () => ways[Math.min(asked++, ways.length - 1)]!, refresh: Effect.void } as unknown as Brokers
  const stand = { known: () => 0, topic: 'log' } as unknown as Stand
  const lane = new Lane({ brokers, stand, clock: systemClock, partition: 0, bytesMax: 1_000_000 })
  const put = () => new Promise<Outcome>((resolve) => { lane.put([], 10, false, resolve) })
  return { lane, put, asked: () => asked }
}
const refused: Effect.Effect<never, Trouble> = Effect.fail({ kind: 'refused', message: 'no' })

describe('the way into a partition', () => {
  it('that dies leaves nobody waiting, and takes the next append', async () => {
    const { asked, lane, put } = laneOf(Effect.die(new Error('unforeseen')), refused)
    const [one, other] = await Promise.all([put(), put()])
    const died = { failure: { kind: 'doubtful', message: expect.stringContaining('unforeseen') as string } }
    expect([one, other]).toMatchObject([died, died])
    expect(await put()).toMatchObject({ failure: { message: 'no' } })
    expect(asked()).toBe(2)
    expect(lane.isBusy()).toBe(false)
  })

  it('on which a batch is too large takes its appends one by one', async () => {
    const large = (message: string): Effect.Effect<never, Trouble> => Effect.fail({ kind: 'large', message })
    const { asked, put } = laneOf(large('too large'), refused, large('it alone'))
    const outcomes = await Promise.all([put(), put()])
    expect(outcomes).toMatchObject([{ failure: { message: 'no' } }, { failure: { message: 'it alone' } }])
    expect(asked()).toBe(3)
  })
})
