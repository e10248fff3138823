import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Fiber from 'effect/Fiber'
import type * as Layer from 'effect/Layer'
import * as Stream from 'effect/Stream'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { orderingKey, type DomainEvent } from '../../core/domain/events.ts'
import { LogDamaged, LogUnavailable } from '../../core/errors.ts'
import type { EventLog, StoredEvent } from '../../core/log/port.ts'
import { batchLengthMax } from '../../core/log/limits.ts'
import { includes, past, position, reaches, start, type Position } from '../../core/log/position.ts'
import { event } from '../support/arbitraries.ts'
import { failure, LogNode, type Following } from '../support/log-node.ts'
import { activityOf, eventOf, eventsOf, wideEventOf } from '../support/sample-events.ts'
import { until } from '../support/until.ts'

/** A log of its own for one test. */
export interface LogUnderTest {
  /** Each build of it is one more node on this log. */
  readonly layer: Layer.Layer<EventLog, unknown>
  /** Removes the log, once all nodes on it are closed. */
  readonly dispose: () => Promise<void>
}

/** What a test has at hand: any number of nodes on one new log, closed behind it. */
interface Bench {
  readonly node: () => Promise<LogNode>
}

/**
 * What every log must do: the comment of core/log/port.ts, as tests. One call runs all of it; there is no part of it
 * that a log may leave out.
 */
export const suite = (name: string, open: () => Promise<LogUnderTest>): void => {
  describe(`event log: ${name}`, () => {
    let log: LogUnderTest
    let nodes: LogNode[]
    beforeEach(async () => {
      nodes = []
      log = await open()
    })
    afterEach(async () => {
      for (const node of nodes) await node.close()
      await log.dispose()
    })
    const bench: Bench = {
      node: async () => {
        const node = await LogNode.open(log.layer)
        nodes.push(node)
        return node
      }
    }
    describe('append and read', () => appendAndRead(bench))
    describe('what comes back', () => whatComesBack(bench))
    describe('places', () => places(bench))
    describe('tail', () => tails(bench))
    describe('many at once', () => manyAtOnce(bench))
    describe('the end', () => theEnd(bench))
  })
}

const commands = (records: readonly StoredEvent[]): readonly string[] =>
  records.map(({ event }) => event.type === 'Unreadable' ? `unreadable: ${event.detail}` : event.command)

/** How often an event stands in a log of so many partitions. */
const copies = (event: DomainEvent, partitions: number): number => orderingKey(event) === 'every' ? partitions : 1

/** One turn of the event loop. */
const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

const sorted = (values: readonly string[]): readonly string[] => [...values].sort()

/** Folds the places of records as a node does, and finds fault with those that go back within their partition. */
const foldPlaces = (from: Position, records: readonly StoredEvent[]): Position =>
  records.reduce((place, { partition, offset }) => {
    expect(includes(place, partition, offset), `record ${offset} of partition ${partition} again`).toBe(false)
    return past(place, partition, offset)
  }, from)

const appendAndRead = ({ node }: Bench): void => {
  it('a new log holds nothing', async () => {
    const a = await node()
    expect(reaches(start, await a.head())).toBe(true)
    expect(await a.read(start)).toEqual([])
  })

  it('gives back what was appended, in its order', async () => {
    const a = await node()
    const events = eventsOf('ann', 'c', 10)
    await a.append(...events.slice(0, 1))
    await a.append(...events.slice(1, 6))
    await a.append(...events.slice(6))
    expect((await a.read(start)).map((record) => record.event)).toEqual(events)
  })

  it('an append that was answered is read at once, on this node and on another', async () => {
    const [a, b] = [await node(), await node()]
    for (let i = 0; i < 20; i++) {
      await a.append(eventOf('ann', `c${i}`))
      expect(commands(await a.read(start))).toHaveLength(i + 1)
      expect(commands(await b.read(start))).toHaveLength(i + 1)
    }
  })

  it('appends answered one after the other stand in that order, whichever node they came from', async () => {
    const nodes = [await node(), await node(), await node()]
    const events = eventsOf('ann', 'c', 30)
    for (const [i, event] of events.entries()) await nodes[i % 3]!.append(event)
    expect(commands(await nodes[0]!.read(start))).toEqual(events.map(({ command }) => command))
  })
}

const whatComesBack = ({ node }: Bench): void => {
  it('events of every kind come back as they were', async () => {
    const [a, b] = [await node(), await node()]
    const partitions = (await a.head()).length
    await fc.assert(fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 12 }), async (events) => {
      const before = await a.head()
      await a.append(...events)
      const found = (await b.read(before)).map((record) => record.event)
      const wanted = events.flatMap((event) => Array.from({ length: copies(event, partitions) }, () => event))
      if (partitions === 1) expect(found).toEqual(wanted)
      expect(sorted(found.map(asText))).toEqual(sorted(wanted.map(asText)))
    }), { numRuns: 100 })
  })

  it('an event that its schema refuses is a defect of the caller, and nothing of its append is kept', async () => {
    const a = await node()
    const bad = { ...eventOf('ann', 'c1'), at: -1 }
    const exit = await Effect.runPromiseExit(a.log.append([eventOf('ann', 'c0'), bad]))
    expect(Exit.isFailure(exit) && Exit.hasDies(exit)).toBe(true)
    await a.append(eventOf('ann', 'c2'))
    expect(commands(await a.read(start))).toEqual(['c2'])
  })

  it('what is changed after its append was begun is not changed in the log', async () => {
    const a = await node()
    const event = { ...activityOf('c', 1), seen: [...activityOf('c', 1).seen] }
    const before = structuredClone(event)
    const answered = a.append(event)
    event.seen.length = 0
    await answered
    expect(inFirst(await a.read(start))).toEqual([before])
  })

  it('an append of nothing succeeds and leaves nothing', async () => {
    const a = await node()
    const place = await a.append()
    expect(reaches(await a.head(), place)).toBe(true)
    expect(await a.read(start)).toEqual([])
  })

  it('takes large appends and large events', async () => {
    const a = await node()
    const many = eventsOf('ann', 'c', 5_000)
    await a.append(...many)
    expect(commands(await a.read(start))).toEqual(many.map(({ command }) => command))
    const large = Array.from({ length: 4 }, (_, i) => activityOf(`large${i}`, 10_000))
    const place = await a.head()
    await a.append(...large)
    expect(inFirst(await a.read(place))).toEqual(large)
  })

  it('what stands survives the closing of every node', async () => {
    const a = await node()
    await a.append(...eventsOf('ann', 'c', 3))
    const head = await a.head()
    await a.close()
    const b = await node()
    expect(await b.head()).toEqual(head)
    expect(commands(await b.read(start))).toEqual(['c0', 'c1', 'c2'])
  })
}

/** What stands in every partition, once. */
const inFirst = (records: readonly StoredEvent[]): ReadonlyArray<StoredEvent['event']> =>
  records.filter(({ partition }) => partition === 0).map(({ event }) => event)

const asText = (event: StoredEvent['event']): string => JSON.stringify(event, (_, value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))
    : value)

const places = ({ node }: Bench): void => {
  it('the place of an append lies behind its records, and the head reaches it', async () => {
    const a = await node()
    for (let i = 0; i < 20; i++) {
      const events = i % 5 === 4 ? [wideEventOf(`w${i}`)] : eventsOf(`subject ${i}`, `c${i}x`, 1 + i % 3)
      const place = await a.append(...events)
      expect(reaches(await a.head(), place)).toBe(true)
      const mine = new Set<string>(events.map(({ command }) => command))
      for (const record of await a.read(start)) {
        if (mine.has(commands([record])[0]!)) expect(includes(place, record.partition, record.offset)).toBe(true)
      }
    }
  })

  it('the head moves with every append, and never goes back', async () => {
    const [a, b] = [await node(), await node()]
    let head = await a.head()
    for (let i = 0; i < 20; i++) {
      const place = await (i % 2 === 0 ? a : b).append(eventOf(`subject ${i}`, `c${i}`))
      expect(reaches(head, place)).toBe(false)
      const next = await a.head()
      expect(reaches(next, head)).toBe(true)
      expect(reaches(next, place)).toBe(true)
      head = next
    }
  })

  it('reading goes on from any place that a reader has been at, without loss or repetition', async () => {
    const a = await node()
    for (let i = 0; i < 12; i++) {
      await a.append(eventOf(`subject ${i}`, `c${i}`), ...(i % 4 === 0 ? [wideEventOf(`w${i}`)] : []))
    }
    const all = await a.read(start)
    let place = start
    const key = ({ partition, offset }: StoredEvent) => `${partition}/${offset}`
    for (const [i, record] of all.entries()) {
      expect(sorted((await a.read(place)).map(key))).toEqual(sorted(all.slice(i).map(key)))
      place = past(place, record.partition, record.offset)
    }
    expect(await a.read(place)).toEqual([])
    expect(reaches(place, await a.head())).toBe(true)
  })

  it('a reading ends at the head that it began with', async () => {
    const a = await node()
    await a.append(...eventsOf('ann', 'c', 1_500))
    let appended = false
    const found = await Effect.runPromise(a.log.read(start).pipe(
      Stream.tap(() => appended ? Effect.void : Effect.andThen(
        Effect.sync(() => { appended = true }), a.log.append(eventsOf('ann', 'later', 1_500)))),
      Stream.runCollect))
    expect(found.flat()).toHaveLength(1_500)
    expect(found.length).toBeGreaterThan(1)
    expect(await a.read(start)).toHaveLength(3_000)
  })

  it('a reading goes to the head, wherever the last append of this node stands', async () => {
    const [a, b] = [await node(), await node()]
    const before = Array.from({ length: batchLengthMax }, (_, i) => eventOf('ann', `b${i}`))
    await b.append(...before)
    await a.append(eventOf('ann', 'own'))
    await b.append(...eventsOf('ann', 'c', 5))
    expect(commands(await a.read(start))).toHaveLength(batchLengthMax + 6)
  })

  it('the event loop gets its turn between batches', async () => {
    const a = await node()
    await a.append(...eventsOf('ann', 'c', 5_000))
    let turns = 0
    let next = setImmediate(function turn() {
      turns++
      next = setImmediate(turn)
    })
    const batches = await Effect.runPromise(Stream.runCollect(a.log.read(start)))
    clearImmediate(next)
    expect(batches.length).toBeGreaterThan(4)
    expect(turns).toBeGreaterThanOrEqual(batches.length - 1)
  })

  it('a place behind the end is of another log, or of one that is gone, and nothing is read from there', async () => {
    const a = await node()
    await a.append(eventOf('ann', 'c0'))
    const behind = position((await a.head()).map((count) => count + 1))
    expect(await failure(Stream.runDrain(a.log.read(behind)))).toBeInstanceOf(LogDamaged)
    expect(await failure(Stream.runDrain(a.log.tail(behind)))).toBeInstanceOf(LogDamaged)
  })
}

const tails = ({ node }: Bench): void => {
  it('delivers what stands, and then what comes, from this node and from another without a doorbell', async () => {
    const [a, b] = [await node(), await node()]
    await a.append(eventOf('ann', 'c0'))
    const following = a.follow(start)
    await until('what stands', () => following.records.length === 1)
    await a.append(eventOf('ann', 'c1'))
    await until('this node', () => following.records.length === 2)
    for (let i = 2; i < 10; i++) {
      await b.append(eventOf('ann', `c${i}`))
      await until('another node', () => following.records.length === i + 1)
    }
    expect(commands(following.records)).toEqual(Array.from({ length: 10 }, (_, i) => `c${i}`))
    await following.stop()
  })

  it('catch-up hands over to live without loss or duplicate', async () => {
    const [a, b] = [await node(), await node()]
    let appended = 0
    const append = (log: LogNode, count: number) =>
      log.append(...Array.from({ length: count }, () => eventOf('ann', `c${appended++}`)))
    await append(a, 1_200)
    // Tails begin while two nodes append, so that each hands over at another moment.
    let writing = true
    const written = (async () => {
      for (let i = 0; writing || i < 60; i++) {
        await Promise.all([append(a, 1 + i % 7), append(b, 1 + i % 3)])
        await turn()
      }
    })()
    const followings: Array<{ readonly from: Position; readonly following: Following }> = []
    for (let i = 0; i < 12; i++) {
      const from = i % 3 === 0 ? await a.head() : start
      followings.push({ from, following: (i % 2 === 0 ? a : b).follow(from) })
      await turn()
    }
    for (const { from, following } of followings) {
      await until('live', () => following.records.length > (from === start ? 1_200 : 0))
    }
    writing = false
    await written
    expect(await a.read(start)).toHaveLength(appended)
    for (const { from, following } of followings) {
      const wanted = await a.read(from)
      await until('the end', () => following.records.length >= wanted.length)
      expect(commands(following.records)).toEqual(commands(wanted))
      await following.stop()
    }
  })

  it('a ring without news delivers nothing, and no batch is empty', async () => {
    const a = await node()
    await a.append(eventOf('ann', 'c0'))
    const following = a.follow(start)
    await until('what stands', () => following.records.length === 1)
    for (let i = 0; i < 500; i++) {
      a.log.ring()
      if (i % 10 === 0) await Effect.runPromise(Effect.yieldNow)
    }
    await a.append(eventOf('ann', 'c1'))
    a.log.ring()
    await until('the next', () => following.records.length === 2)
    expect(following.batches.every((batch) => batch.length > 0)).toBe(true)
    expect(commands(following.records)).toEqual(['c0', 'c1'])
    await following.stop()
  })

  it('a slow tail holds up neither another nor an append, and misses nothing', async () => {
    const a = await node()
    let release = () => {}
    const released = new Promise<void>((resolve) => { release = resolve })
    const slow = a.follow(start, () => released)
    const quick = a.follow(start)
    for (let i = 0; i < 20; i++) await a.append(eventOf('ann', `c${i}`))
    await until('the quick one', () => quick.records.length === 20)
    expect(slow.records.length).toBeLessThan(20)
    release()
    await until('the slow one', () => slow.records.length === 20)
    expect(slow.records).toEqual(quick.records)
    await Promise.all([slow.stop(), quick.stop()])
  })

  it('one that was busy while others appended goes on to the end, though nobody rings again', async () => {
    const [a, b] = [await node(), await node()]
    const busy = Promise.withResolvers<void>()
    const slow = a.follow(start, () => busy.promise)
    const quick = a.follow(start)
    await a.append(eventOf('ann', 'c0'))
    await until('both have it', () => commands(slow.records).length === 1 && commands(quick.records).length === 1)
    await a.append(eventOf('ann', 'c1'))
    await until('the quick one has it', () => commands(quick.records).length === 2)
    await b.append(eventOf('ann', 'c2'))
    await until('the quick one has that, too', () => commands(quick.records).length === 3)
    busy.resolve()
    await until('the slow one has all', () => commands(slow.records).length === 3)
    await Promise.all([slow.stop(), quick.stop()])
  })

  it('each one has records of its own: what is done to one is seen by no other', async () => {
    const a = await node()
    const [spoilt, whole] = [a.follow(start), a.follow(start)]
    // One to arrive at, and one that both wait for.
    const events = [activityOf('b', 1), activityOf('c', 1)]
    for (const [i, event] of events.entries()) {
      await a.append(event)
      await until('both have it', () => inFirst(spoilt.records).length > i && inFirst(whole.records).length > i)
    }
    for (const record of [...spoilt.records, ...await a.read(start)]) Object.assign(record.event, { by: 'somebody' })
    expect(inFirst(whole.records)).toEqual(events)
    expect(inFirst(await a.read(start))).toEqual(events)
    await Promise.all([spoilt.stop(), whole.stop()])
  })

  it('one that was stopped is gone, and the next goes on from where it was', async () => {
    const [a, b] = [await node(), await node()]
    const first = a.follow(start)
    await b.append(...eventsOf('ann', 'c', 5))
    await until('five', () => first.records.length === 5)
    await first.stop()
    await b.append(...eventsOf('ann', 'd', 5))
    const second = a.follow(foldPlaces(start, first.records))
    await until('five more', () => second.records.length === 5)
    expect(commands(second.records)).toEqual(['d0', 'd1', 'd2', 'd3', 'd4'])
    expect(first.records).toHaveLength(5)
    await second.stop()
  })
}

const manyAtOnce = ({ node }: Bench): void => {
  it('concurrent appends are each answered with a place behind their own records, and each stands once', async () => {
    const nodes = [await node(), await node()]
    const appends = Array.from({ length: 400 }, (_, i) =>
      i % 50 === 49 ? [wideEventOf(`w${i}`)] : eventsOf(`subject ${i % 20}`, `c${i}x`, 1 + i % 3))
    const places = await Promise.all(appends.map((events, i) => nodes[i % 2]!.append(...events)))
    const records = await nodes[0]!.read(start)
    foldPlaces(start, records)
    const partitions = (await nodes[0]!.head()).length
    const wanted = appends.flat().flatMap((event) =>
      Array.from<string>({ length: copies(event, partitions) }).fill(event.command))
    expect(sorted(commands(records))).toEqual(sorted(wanted))
    const byCommand = new Map(records.map((record) => [commands([record])[0]!, record]))
    appends.forEach((events, i) => {
      const own = events.map(({ command }) => byCommand.get(command)!)
      for (const { partition, offset } of own) expect(includes(places[i]!, partition, offset)).toBe(true)
      // The events of one append and one key stand in the order in which they were given.
      for (const [j, { offset }] of own.entries()) if (j > 0) expect(offset).toBeGreaterThan(own[j - 1]!.offset)
    })
    expect(await nodes[1]!.read(start)).toEqual(records)
  })

  it('all tails see a partition in one order', async () => {
    const nodes = [await node(), await node(), await node()]
    const followings = nodes.map((tail) => tail.follow(start))
    await Promise.all(Array.from({ length: 150 }, (_, i) => nodes[i % 3]!.append(eventOf(`subject ${i % 5}`, `c${i}`))))
    for (const { records } of followings) await until('all', () => records.length === 150)
    const ofPartition = (records: readonly StoredEvent[], partition: number) =>
      records.filter((record) => record.partition === partition)
    const partitions = (await nodes[0]!.head()).length
    for (let partition = 0; partition < partitions; partition++) {
      for (const { records } of followings) {
        expect(ofPartition(records, partition)).toEqual(ofPartition(followings[0]!.records, partition))
      }
    }
    for (const { stop } of followings) await stop()
  })

  it('an append that is interrupted stands whole or not at all, and disturbs no other', async () => {
    const a = await node()
    const rounds = 30
    for (let i = 0; i < rounds; i++) {
      const fiber = Effect.runFork(a.log.append(eventsOf('ann', `interrupted${i}x`, 3)))
      const other = a.append(eventOf('bob', `c${i}`))
      if (i % 3 === 1) await Effect.runPromise(Effect.yieldNow)
      if (i % 3 === 2) await Promise.resolve()
      await Effect.runPromise(Fiber.interrupt(fiber))
      const place = await other
      const record = (await a.read(start)).find((record) => commands([record])[0] === `c${i}`)
      expect(record !== undefined && includes(place, record.partition, record.offset), 'a place of its own').toBe(true)
    }
    await a.append(eventOf('ann', 'last'))
    const found = commands(await a.read(start))
    expect(found.filter((command) => command.startsWith('c'))).toHaveLength(rounds)
    expect(found).toContain('last')
    for (let i = 0; i < rounds; i++) {
      expect([0, 3]).toContain(found.filter((command) => command.startsWith(`interrupted${i}x`)).length)
    }
  })
}

const theEnd = ({ node }: Bench): void => {
  it('once it is closed, every call and every tail fails with LogUnavailable', async () => {
    const a = await node()
    await a.append(eventOf('ann', 'c0'))
    const waiting = a.follow(start)
    await until('what stands', () => waiting.records.length === 1)
    await a.close()
    await until('the tail that waited', () => waiting.error() !== undefined)
    expect(waiting.error()).toBeInstanceOf(LogUnavailable)
    for (const call of [
      a.log.append([eventOf('ann', 'c1')]), a.log.append([]), a.log.head,
      Stream.runDrain(a.log.read(start)), Stream.runDrain(a.log.tail(start))
    ]) expect(await failure(call)).toBeInstanceOf(LogUnavailable)
    a.log.ring()
    expect(a.log.status().kind).not.toBe('')
    await a.close()
  })

  it('appends that closing meets are all answered, and those that succeeded stand', async () => {
    const [a, b] = [await node(), await node()]
    const answers = Array.from({ length: 50 }, (_, i) => failure(a.log.append([eventOf('ann', `c${i}`)])))
    await Effect.runPromise(Effect.yieldNow)
    await a.close()
    const failures = await Promise.all(answers)
    const found = new Set(commands(await b.read(start)))
    failures.forEach((error, i) => {
      if (error === undefined) expect(found).toContain(`c${i}`)
      else expect(error).toBeInstanceOf(LogUnavailable)
    })
  })

  it('closing one node leaves the others on the log as they were', async () => {
    const [a, b] = [await node(), await node()]
    const following = b.follow(start)
    await a.append(eventOf('ann', 'c0'))
    await a.close()
    await b.append(eventOf('ann', 'c1'))
    await until('both', () => following.records.length === 2)
    await following.stop()
  })

  it('says how it is in plain values', async () => {
    const a = await node()
    const status = a.log.status()
    expect(JSON.parse(JSON.stringify(status))).toEqual(status)
    expect(status.failure).toBe(null)
  })
}
