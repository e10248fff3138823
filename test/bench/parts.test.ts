import * as Effect from 'effect/Effect'
import * as Stream from 'effect/Stream'
import { describe, expect, test } from 'vitest'
import { chance } from '../../bench/harness/chance.ts'
import { floorOf } from '../../bench/harness/floor.ts'
import { GeneratedLog } from '../../bench/harness/generated-log.ts'
import { population } from '../../bench/harness/population.ts'
import { pass, passAsync, portionSize, presentedHeaders, presentedTokens } from '../../bench/harness/presented.ts'
import { digestOf, isToken } from '../../core/domain/token.ts'
import { isSessionId } from '../../core/domain/ids.ts'
import { decodeText, encodeText } from '../../core/log/codec.ts'
import type { StoredEvent } from '../../core/log/port.ts'
import { position, start } from '../../core/log/position.ts'
import { until } from '../support/until.ts'

const sessions = population(5_000, 1_700_000_000_000)
const all = Array.from({ length: sessions.size }, (_, i) => i)

describe('the population', () => {
  test('each session has its own token, id and subject, of the right form', () => {
    for (const of of [sessions.token, sessions.id, sessions.subject]) {
      expect(new Set<string>(all.map(of)).size).toBe(sessions.size)
    }
    for (const i of all) {
      expect(isToken(sessions.token(i))).toBe(true)
      expect(isSessionId(sessions.id(i))).toBe(true)
      expect(sessions.subject(i)).toHaveLength(16)
    }
  })

  test('the same number gives the same session again, and its start can be written and read', () => {
    const again = population(5_000, 1_700_000_000_000)
    for (const i of [4_999, 0, 17]) {
      expect(again.started(i)).toEqual(sessions.started(i))
      expect(decodeText(encodeText(sessions.started(i)))).toEqual(sessions.started(i))
      expect(sessions.started(i).digest).toBe(digestOf(sessions.token(i)))
    }
  })

  test('two populations have no token in common, however large', () => {
    const size = 200_000
    const [mine, theirs] = [population(size, 0, 1), population(size, 0, 2)]
    const known = new Set<string>()
    for (let i = 0; i < size; i++) known.add(mine.token(i))
    expect(known.size).toBe(size)
    let common = 0
    for (let i = 0; i < size; i++) if (known.has(theirs.token(i))) common++
    expect(common).toBe(0)
  })
})

describe('presented strings', () => {
  test('every token comes once, whole, in its order, across portions', () => {
    const count = portionSize * 2 + 3
    const seen: string[] = []
    const { sum } = pass(presentedTokens(count, sessions.token), (strings) => {
      seen.push(...strings)
      return strings.length
    })
    expect(sum).toBe(count)
    expect(seen).toEqual(all.slice(0, count).map(sessions.token))
  })

  test('many at once: still every one, once', async () => {
    const headers = all.slice(0, portionSize + 50).map((i) => `session=${i}`)
    const seen: string[] = []
    const { sum } = await passAsync(presentedHeaders(headers), 7, async (text) => {
      await Promise.resolve()
      seen.push(text)
      return 1
    })
    expect(sum).toBe(headers.length)
    expect(seen.toSorted()).toEqual(headers.toSorted())
  })
})

describe('the floor', () => {
  test('reads what another way of working it out says, and lines all over the table', () => {
    const floor = floorOf(5_000)
    const tokens = all.map(sessions.token)
    expect(floor.readAll(tokens)).toBe(floor.expected(tokens))
    expect(new Set(tokens.map((token) => floor.readAll([token]))).size).toBeGreaterThan(900)
  })
})

describe('repeatable chance', () => {
  test('every number below the bound comes, none other', () => {
    const among = chance(3)
    const seen = new Set(Array.from({ length: 2_000 }, () => among.below(20)))
    expect([...seen].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i))
  })
})

describe('the generated log', () => {
  const offsets = (batches: ReadonlyArray<readonly StoredEvent[]>) => batches.flat().map(({ offset }) => offset)

  test('read gives all from a place to the head, then ends', async () => {
    const log = new GeneratedLog(sessions.size, sessions.started)
    expect(offsets(await Effect.runPromise(Stream.runCollect(log.shape.read(start))))).toEqual(all)
    const behind = Stream.runCollect(log.shape.read(position([4_998])))
    expect(offsets(await Effect.runPromise(behind))).toEqual([4_998, 4_999])
    expect(await Effect.runPromise(log.shape.head)).toEqual([5_000])
  })

  test('tail goes on with what is appended', async () => {
    const log = new GeneratedLog(10, sessions.started)
    const taken = Effect.runPromise(log.shape.tail(position([8])).pipe(
      Stream.flattenIterable, Stream.take(4), Stream.runCollect))
    for (const i of [100, 101]) {
      await until('the tail waits', () => log.waiting.size > 0)
      await Effect.runPromise(log.shape.append([sessions.started(i)]))
    }
    expect((await taken).map(({ offset }) => offset)).toEqual([8, 9, 10, 11])
    expect(log.event(11)).toEqual(sessions.started(101))
  })

  test('a tail that waits can be let go', async () => {
    const log = new GeneratedLog(0, sessions.started)
    const tail = Stream.runCollect(log.shape.tail(start))
    const outcome = await Effect.runPromise(Effect.timeoutOption(tail, '20 millis'))
    expect(outcome._tag).toBe('None')
    log.shape.ring()
  })
})
