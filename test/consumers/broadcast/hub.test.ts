import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Layer from 'effect/Layer'
import * as Scope from 'effect/Scope'
import { describe, expect, it } from 'vitest'
import {
  type Arrival,
  type Hub,
  hubBroadcast,
  type HubOptions,
  type Passage
} from '../../support/hub.ts'
import { position } from '../../../core/log/position.ts'
import { Broadcast, type Message, NodeIdentity } from '../../../core/store/broadcast.ts'
import { suite } from '../../contract/broadcast.ts'
import { ManualClock } from '../../support/world.ts'

const names = ['a', 'b', 'c', 'd']

suite('the hub', async () => {
  const hub = hubBroadcast()
  return {
    layer: hub.broadcast,
    inject: async (cluster, bytes) => hub.inject(cluster, bytes),
    down: async () => names.forEach(hub.cut),
    up: async () => names.forEach(hub.heal),
    // Nothing on the hub stands still: for its nodes it is as if it were gone.
    still: { freeze: async () => names.forEach(hub.cut), thaw: () => names.forEach(hub.heal) },
    close: async () => {}
  }
})

const news = (count: number): Message => ({ kind: 'news', position: position([count]) })
const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

/** What b hears, by number, when a says the news 1 to `count`; and what b refused. */
const told = async (
  count: number, options: HubOptions, after: () => void = () => {}, before: (hub: Hub) => void = () => {}
) => {
  const hub = hubBroadcast(options)
  const scope = Scope.makeUnsafe()
  const open = async (node: string) => {
    const self = Layer.succeed(NodeIdentity, { node, incarnation: '1' })
    const layer = hub.broadcast({ cluster: 'shop' }).pipe(Layer.provide(self))
    return Context.get(await Effect.runPromise(Layer.buildWithScope(layer, scope)), Broadcast)
  }
  const [a, b] = [await open('a'), await open('b')]
  const heard: number[] = []
  await Effect.runPromise(Scope.provide(b.subscribe((message, { sequence }) => {
    expect(message).toEqual(news(sequence))
    heard.push(sequence)
  }), scope))
  before(hub)
  for (let i = 1; i <= count; i++) expect(a.publish(news(i))).toBe(true)
  await turn()
  after()
  await turn()
  const { refused } = b.status()
  await Effect.runPromise(Scope.close(scope, Exit.void))
  return { heard, refused }
}

describe('the faults of a hub', () => {
  const now = ({ bytes }: Passage): Arrival => ({ afterMs: 0, bytes })

  it('lose messages', async () => {
    const { heard } = await told(4, { fault: (passage) => passage.number % 2 === 0 ? [] : [now(passage)] })
    expect(heard).toEqual([1, 3])
  })

  it('double them', async () => {
    expect((await told(2, { fault: (passage) => [now(passage), now(passage)] })).heard).toEqual([1, 1, 2, 2])
  })

  it('delay them by the clock that is given, and so change their order', async () => {
    const clock = new ManualClock()
    const fault = ({ number, bytes }: Passage): readonly Arrival[] => [{ afterMs: number === 1 ? 100 : 0, bytes }]
    expect((await told(3, { fault, clock })).heard).toEqual([2, 3])
    expect((await told(3, { fault, clock }, () => clock.advance(100))).heard).toEqual([2, 3, 1])
  })

  it('damage them, which is noticed wherever it is', async () => {
    const { heard, refused } = await told(500, {
      fault: ({ number, bytes }) => {
        const damaged = Uint8Array.from(bytes)
        damaged[number % bytes.length]! ^= 1 << (number % 8)
        return [{ afterMs: 0, bytes: damaged }]
      }
    })
    expect(heard).toEqual([])
    expect(Object.values(refused).reduce((sum, count) => sum + count)).toBe(500)
  })

  it('take one node off, and what is under way to it with it', async () => {
    expect((await told(2, {}, () => {}, (hub) => hub.cut('b'))).heard).toEqual([])
    const clock = new ManualClock()
    const late = ({ bytes }: Passage): readonly Arrival[] => [{ afterMs: 10, bytes }]
    let held: Hub | undefined
    const { heard } = await told(2, { fault: late, clock }, () => {
      held?.cut('b')
      clock.advance(10)
    }, (hub) => { held = hub })
    expect(heard).toEqual([])
  })

  it('name who speaks to whom', async () => {
    const passages: string[] = []
    await told(2, {
      fault: (passage) => {
        passages.push(`${passage.number} ${passage.from}-${passage.to}`)
        return [now(passage)]
      }
    })
    expect(passages).toEqual(['1 a-b', '2 a-b'])
  })
})
