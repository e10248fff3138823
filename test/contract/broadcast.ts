import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Layer from 'effect/Layer'
import * as Scope from 'effect/Scope'
import { afterEach, describe, expect, it } from 'vitest'
import type { ClusterOptions } from '../../consumers/broadcast/key.ts'
import type { CommandId } from '../../core/domain/ids.ts'
import { position } from '../../core/log/position.ts'
import {
  Broadcast, type BroadcastShape, type Message, type MessageRefusal, NodeIdentity, type Sender
} from '../../core/store/broadcast.ts'
import { oneOfEach, revocation, seal } from '../consumers/broadcast/wire.ts'
import { until } from '../support/until.ts'

/** Where the nodes of a test meet. */
export interface Venue {
  /** The broadcast of one more node. */
  readonly layer: (options: ClusterOptions) => Layer.Layer<Broadcast, unknown, NodeIdentity>
  /** Publishes bytes of anybody's making to the nodes of a cluster. */
  readonly inject: (cluster: string, bytes: Uint8Array) => Promise<void>
  /** What the nodes meet through goes away at once, and comes back where it was. */
  readonly down: () => Promise<void>
  readonly up: () => Promise<void>
  /** It stands still, with all connections open, and goes on. */
  readonly still: { readonly freeze: () => Promise<void>; readonly thaw: () => void }
  readonly close: () => Promise<void>
}

/** One node on the broadcast, and all that it hears. */
interface Node extends BroadcastShape {
  readonly heard: Array<readonly [Message, Sender]>
  readonly connections: boolean[]
  readonly scope: Scope.Closeable
  readonly leave: () => Promise<void>
}

/** A server that stands still is noticed within 2.25 s on a connection of our own; the rest is for a slow machine. */
const noticedWithinMs = 5_000

const goodbye: Message = { kind: 'goodbye' }
const news = (count: number): Message => ({ kind: 'news', position: position([count]) })
/** 17 bytes for each. */
const large = (counts: number): Message =>
  ({ kind: 'news', position: position(Array.from({ length: counts }, () => Number.MAX_SAFE_INTEGER)) })
const kinds: readonly Message[] = [
  news(7), revocation(), revocation(oneOfEach.SubjectRevoked), revocation(oneOfEach.TenantRevoked),
  revocation(oneOfEach.AllRevoked), { kind: 'applied', command: 'c0mm4nd' as CommandId },
  { kind: 'heartbeat', position: position([1, 2]), wall: 1_750_000_000_000.5, serves: true }, goodbye
]

const join = async (
  venue: Venue, node: string, options: Partial<ClusterOptions> = {}, incarnation = '1'
): Promise<Node> => {
  const scope = Scope.makeUnsafe()
  const layer = venue.layer({ cluster: 'shop', ...options })
    .pipe(Layer.provide(Layer.succeed(NodeIdentity, { node, incarnation })))
  const shape = Context.get(await Effect.runPromise(Layer.buildWithScope(layer, scope)), Broadcast)
  const heard: Node['heard'] = []
  const connections: boolean[] = []
  const inside = <A>(work: Effect.Effect<A, never, Scope.Scope>) => Effect.runPromise(Scope.provide(work, scope))
  await inside(shape.subscribe((message, from) => { heard.push([message, from]) }))
  await inside(shape.onConnection((connected) => { connections.push(connected) }))
  return { ...shape, heard, connections, scope, leave: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

const connected = (...nodes: readonly Node[]): Promise<void> =>
  until('all are connected', () => nodes.every((node) => node.status().connected))

const disconnected = (...nodes: readonly Node[]): Promise<void> =>
  until('all know that they are not connected', () => nodes.every((node) => !node.status().connected), noticedWithinMs)

const speak = async (from: Node, to: Node): Promise<void> => {
  const before = to.heard.length
  expect(from.publish(revocation())).toBe(true)
  await until('it is heard', () => to.heard.length > before)
}

/** The contract of a broadcast. `open` begins with everything up. */
export const suite = (name: string, open: () => Promise<Venue>): void => {
  describe(`the broadcast contract: ${name}`, () => {
    let venue: Venue | null = null
    const nodes: Node[] = []
    const enter = async (...names: readonly string[]): Promise<readonly Node[]> => {
      venue = await open()
      for (const one of names) nodes.push(await join(venue, one))
      await connected(...nodes)
      return nodes
    }
    const also = async (node: string, options: Partial<ClusterOptions> = {}, incarnation?: string): Promise<Node> => {
      venue ??= await open()
      const entered = await join(venue, node, options, incarnation)
      nodes.push(entered)
      return entered
    }
    const place = (): Venue => {
      if (venue === null) throw new Error('nobody has entered')
      return venue
    }
    afterEach(async () => {
      await Promise.all(nodes.splice(0).map((node) => node.leave()))
      await venue?.close()
      venue = null
    })
    const stage = { enter, also, place }
    passing(stage)
    handling(stage)
    refusing(stage)
    measuring(stage)
    failing(stage)
    standing(stage)
  })
}

interface Stage {
  readonly enter: (...names: readonly string[]) => Promise<readonly Node[]>
  readonly also: (node: string, options?: Partial<ClusterOptions>, incarnation?: string) => Promise<Node>
  readonly place: () => Venue
}

const passing = ({ enter }: Stage): void => {
  it('hands every kind of message to all nodes but the sender', async () => {
    const [a, b, c] = await enter('a', 'b', 'c') as [Node, Node, Node]
    for (const message of kinds) expect(a.publish(message)).toBe(true)
    const all = kinds.map((message, i) => [message, { node: 'a', incarnation: '1', sequence: i + 1 }])
    await until('both have heard all', () => b.heard.length >= kinds.length && c.heard.length >= kinds.length)
    expect(b.heard).toEqual(all)
    expect(c.heard).toEqual(all)
    // What comes after it would have come after an echo too.
    b.publish(goodbye)
    await until('the sender has heard another', () => a.heard.length > 0)
    expect(a.heard).toEqual([[goodbye, { node: 'b', incarnation: '1', sequence: 1 }]])
    expect(a.status()).toMatchObject({ connected: true, failure: null, sent: kinds.length, heard: 1, unsent: 0 })
  })

  it('keeps the order of each sender, and its numbers', async () => {
    const [a, b, c] = await enter('a', 'b', 'c') as [Node, Node, Node]
    const count = 500
    for (let i = 1; i <= count; i++) {
      a.publish(i % 7 === 0 ? revocation() : news(i))
      b.publish(i % 5 === 0 ? revocation() : news(i))
      if (i % 100 === 0) await new Promise((resolve) => { setImmediate(resolve) })
    }
    await until('all have come', () => c.heard.length === 2 * count)
    for (const sender of ['a', 'b']) {
      const numbers = c.heard.filter(([, { node }]) => node === sender).map(([, { sequence }]) => sequence)
      expect(numbers).toEqual(Array.from({ length: count }, (_, i) => i + 1))
    }
  })

  it('does not hand over what comes from inside of a call, while it is being made', async () => {
    const [a, b] = await enter('a', 'b') as [Node, Node]
    b.publish(goodbye)
    await until('it works', () => a.heard.length === 1)
    a.publish(revocation())
    expect(b.heard).toEqual([])
  })
}

const handling = ({ enter, also }: Stage): void => {
  it('hands everything to each subscriber, until its scope closes', async () => {
    const [a, b] = await enter('a', 'b') as [Node, Node]
    const second: Message[] = []
    const scope = Scope.makeUnsafe()
    await Effect.runPromise(Scope.provide(b.subscribe((message) => { second.push(message) }), scope))
    a.publish(news(1))
    await until('both have heard it', () => b.heard.length === 1 && second.length === 1)
    await Effect.runPromise(Scope.close(scope, Exit.void))
    a.publish(news(2))
    await until('the first has heard another', () => b.heard.length === 2)
    expect(second).toEqual([news(1)])
  })

  it('goes on when a handler throws, and says so', async () => {
    const [a, b] = await enter('a', 'b') as [Node, Node]
    const thrower = b.subscribe((message) => { if (message.kind === 'news') throw new Error('a bug') })
    await Effect.runPromise(Scope.provide(thrower, b.scope))
    a.publish(news(1))
    a.publish(goodbye)
    await until('the other handler has heard both', () => b.heard.length === 2)
    expect(b.status().failure).toContain('a bug')
    expect(b.status().connected).toBe(true)
  })

  it('lets another process with the same name be heard: it is not this one', async () => {
    const [a] = await enter('a') as [Node]
    const b = await also('a', {}, '2')
    await connected(b)
    b.publish(goodbye)
    await until('it is heard', () => a.heard.length === 1)
    expect(a.heard[0]?.[1]).toEqual({ node: 'a', incarnation: '2', sequence: 1 })
  })

  it('is silent after the end', async () => {
    const [a, b] = await enter('a', 'b') as [Node, Node]
    expect(b.publish(goodbye)).toBe(true)
    await b.leave()
    await until('the last word has come', () => a.heard.length === 1)
    expect(b.status()).toMatchObject({ connected: false, failure: 'closed' })
    expect(b.publish(revocation())).toBe(false)
    a.publish(goodbye)
    const c = await also('c')
    await connected(c)
    a.publish(goodbye)
    await until('others still hear', () => c.heard.length > 0)
    expect(b.heard).toEqual([])
    expect(a.heard.length).toBe(1)
  })
}

const refusing = ({ enter, also, place }: Stage): void => {
  it('keeps clusters on one server apart', async () => {
    const shop = await also('a')
    const forum = await also('b', { cluster: 'forum' })
    const shop2 = await also('c')
    await connected(shop, forum, shop2)
    forum.publish(revocation(oneOfEach.AllRevoked))
    shop2.publish(goodbye)
    await until('its own cluster is heard', () => shop.heard.length > 0)
    expect(shop.heard).toEqual([[goodbye, { node: 'c', incarnation: '1', sequence: 1 }]])
    expect(forum.heard).toEqual([])
    for (const { status } of [shop, forum]) expect(status().refused['foreign-cluster']).toBe(0)
  })

  it('takes with a key only what was made with it, and without one only what was not', async () => {
    const key = 'a key of the cluster, 32 bytes..'
    const a = await also('a', { key })
    const b = await also('b', { key: Buffer.from(key) })
    const other = await also('c', { key: 'another key, just as long as it..' })
    const open = await also('d')
    await connected(a, b, other, open)
    other.publish(revocation())
    open.publish(revocation())
    a.publish(goodbye)
    await until('b has got three', () => b.heard.length + b.status().refused.unauthenticated === 3)
    await until('the others have got two', () => [other, open].every(({ heard, status }) =>
      heard.length + status().refused.unauthenticated === 2))
    expect(b.heard).toEqual([[goodbye, { node: 'a', incarnation: '1', sequence: 1 }]])
    expect(b.status().refused.unauthenticated).toBe(2)
    expect(other.heard).toEqual([])
    expect(open.heard).toEqual([])
  })

  it('counts garbage by reason, and goes on', async () => {
    const [a, b] = await enter('a', 'b') as [Node, Node]
    const good = JSON.stringify({ from: ['x', '1', 1], kind: 'goodbye' })
    const garbage: readonly Uint8Array[] = [
      new Uint8Array(0),
      Buffer.from('hello'),
      seal(good, { version: '2' }),
      seal(good, { cluster: 'forum' }),
      seal(good, { key: 'a key that nobody here has' }),
      seal(good.slice(1)),
      seal(JSON.stringify({ ...revocation(), event: oneOfEach.SessionStarted, from: ['x', '1', 1] })),
      Buffer.alloc(65_537, 0x20),
      Buffer.alloc(500_000)
    ]
    for (const bytes of garbage) await place().inject('shop', bytes)
    a.publish(goodbye)
    await until('a good one has come', () => b.heard.length > 0)
    const expected = {
      'too-large': 2, 'not-ours': 2, version: 1, 'foreign-cluster': 1, unauthenticated: 1, malformed: 2
    } satisfies Record<MessageRefusal, number>
    expect(b.status()).toMatchObject({ connected: true, heard: 1, refused: expected })
    expect(b.heard.length).toBe(1)
  })
}

const measuring = ({ enter, place }: Stage): void => {
  it('does not hand over its own messages, whoever sends them back', async () => {
    const [a] = await enter('a') as [Node]
    const echo = seal(JSON.stringify({ from: ['a', '1', 1], kind: 'goodbye' }))
    await place().inject('shop', echo)
    await place().inject('shop', seal(JSON.stringify({ from: ['b', '1', 1], kind: 'goodbye' })))
    await until('another\'s has come', () => a.heard.length > 0)
    expect(a.heard.map(([, { node }]) => node)).toEqual(['b'])
  })

  it('carries what is as large as a message may be, and does not send what is larger', async () => {
    const [a, b] = await enter('a', 'b') as [Node, Node]
    expect(a.publish(large(3_800))).toBe(true)
    await until('it has come', () => b.heard.length === 1)
    expect(b.heard[0]?.[0]).toEqual(large(3_800))
    expect(a.publish(large(4_000))).toBe(false)
    expect(a.status()).toMatchObject({ connected: true, sent: 1, unsent: 1 })
    expect(a.status().failure).toContain('not sent')
    expect(a.publish(goodbye)).toBe(true)
    await until('what follows has come', () => b.heard.length === 2)
    expect(b.heard[1]?.[1].sequence).toBe(3)
    expect(a.status().failure).toBeNull()
  })
}

const failing = ({ enter, also, place }: Stage): void => {
  it('knows when nobody hears it, counts what it did not send, and comes back by itself', async () => {
    const [a, b] = await enter('a', 'b') as [Node, Node]
    await speak(a, b)
    await place().down()
    await disconnected(a, b)
    expect(a.publish(revocation())).toBe(false)
    expect(a.publish(news(1))).toBe(false)
    expect(a.status()).toMatchObject({ connected: false, sent: 1, unsent: 2 })
    expect(a.status().failure).not.toBeNull()
    await place().up()
    await connected(a, b)
    expect(a.status().failure).toBeNull()
    await speak(a, b)
    await speak(b, a)
    // Nothing of what was not sent comes late, and its numbers are missing: so the others know.
    expect(b.heard.map(([, { sequence }]) => sequence)).toEqual([1, 4])
    expect(a.connections).toEqual([false, true])
  })

  it('survives that again and again', async () => {
    const [a, b] = await enter('a', 'b') as [Node, Node]
    for (let round = 0; round < 3; round++) {
      await place().down()
      await disconnected(a, b)
      await place().up()
      await connected(a, b)
      await speak(a, b)
      await speak(b, a)
    }
    expect(a.status().sent + a.status().unsent).toBe(3)
  })

  it('begins where there is nothing to connect to, at once, and connects when there is', async () => {
    await enter()
    await place().down()
    const a = await also('a')
    expect(a.status().connected).toBe(false)
    await until('it says why not', () => a.status().failure !== 'not connected yet')
    expect(a.publish(revocation())).toBe(false)
    await place().up()
    const b = await also('b')
    await connected(a, b)
    await speak(a, b)
    expect(b.heard[0]?.[1].sequence).toBe(2)
  })

  it('ends where there is nothing to connect to', async () => {
    const [a] = await enter('a') as [Node]
    await place().down()
    await disconnected(a)
    await a.leave()
    expect(a.status()).toMatchObject({ connected: false, failure: 'closed' })
  })
}

const standing = ({ enter, also, place }: Stage): void => {
  it('notices a server that stands still, and goes on with it', async () => {
    const [a, b] = await enter('a', 'b') as [Node, Node]
    const { still } = place()
    await speak(a, b)
    await still.freeze()
    await disconnected(a, b)
    expect(a.publish(revocation())).toBe(false)
    still.thaw()
    await connected(a, b)
    await speak(a, b)
    await speak(b, a)
  })

  it('notices it too with more under way than the socket takes', async () => {
    const [a, b] = await enter('a', 'b') as [Node, Node]
    const { still } = place()
    await speak(a, b)
    await still.freeze()
    for (let i = 0; i < 300; i++) a.publish(large(3_600))
    await disconnected(a, b)
    still.thaw()
    await connected(a, b)
    await speak(a, b)
    await speak(b, a)
  })

  it('begins and ends while the server stands still', async () => {
    const [a] = await enter('a') as [Node]
    const { still } = place()
    await still.freeze()
    const b = await also('b')
    expect(b.status().connected).toBe(false)
    expect(b.publish(goodbye)).toBe(false)
    await Promise.all([a.leave(), b.leave()])
    expect(a.status().connected).toBe(false)
    still.thaw()
  })
}
