import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeInbox } from '../../../consumers/broadcast/inbox.ts'

const from = (sequence: number, incarnation = '1', node = 'app-1') => ({ node, incarnation, sequence })

describe('the inbox', () => {
  it('tells the next message from one after a hole and from one heard before', () => {
    const { accept } = makeInbox()
    expect([1, 2, 2, 3, 5, 4, 5, 6].map((sequence) => accept(from(sequence))))
      .toEqual(['new', 'new', 'repeated', 'new', 'gap', 'repeated', 'repeated', 'new'])
  })

  it('takes the first that it hears of a sender for a hole, unless it is the sender\'s first', () => {
    expect(makeInbox().accept(from(1))).toBe('new')
    expect(makeInbox().accept(from(2))).toBe('gap')
  })

  it('begins anew with a later incarnation, and takes none of the older one any more', () => {
    const { accept } = makeInbox()
    expect(accept(from(7, '1'))).toBe('gap')
    expect(accept(from(1, '2'))).toBe('new')
    expect(accept(from(8, '1'))).toBe('older-incarnation')
    expect(accept(from(1, '2'))).toBe('repeated')
    expect(accept(from(2, '2'))).toBe('new')
    expect(accept(from(9, '3'))).toBe('gap')
  })

  it('keeps senders apart', () => {
    const { accept } = makeInbox()
    expect(accept(from(1, '1', 'a'))).toBe('new')
    expect(accept(from(1, '1', 'b'))).toBe('new')
    expect(accept(from(2, '1', 'a'))).toBe('new')
  })

  it('takes no message as new twice, and none without a hole that is not the next one', () => {
    const sender = fc.tuple(fc.constantFrom('1', '2', '3'), fc.integer({ min: 1, max: 12 }))
    fc.assert(fc.property(fc.array(sender, { maxLength: 60 }), (heard) => {
      const { accept } = makeInbox()
      const taken = new Set<string>()
      let last: readonly [string, number] = ['', 0]
      for (const [incarnation, sequence] of heard) {
        const place = accept(from(sequence, incarnation))
        const takes = place === 'new' || place === 'gap'
        const name = `${incarnation}:${sequence}`
        if (takes) expect(taken).not.toContain(name)
        if (takes) taken.add(name)
        const next = incarnation === last[0] ? last[1] + 1 : 1
        expect(place === 'new').toBe(incarnation >= last[0] && sequence === next)
        if (takes) last = [incarnation, sequence]
      }
    }))
  })

  it('stays small, however many names are made up, and keeps those that speak', () => {
    const { accept } = makeInbox()
    accept(from(1, '1', 'steady'))
    for (let i = 0; i < 50_000; i++) {
      accept(from(1, '1', `made-up-${i}`))
      if (i % 1_000 === 0) expect(accept(from(i / 1_000 + 2, '1', 'steady'))).toBe('new')
    }
    // Of those that were silent, the last 4,096 are known and no more.
    let known = 0
    for (let i = 0; i < 50_000; i += 1) if (accept(from(1, '1', `made-up-${49_999 - i}`)) === 'repeated') known++
    expect(known).toBeGreaterThan(4_000)
    expect(known).toBeLessThanOrEqual(4_096)
  })
})

describe('two processes with one name', () => {
  /** Both beat, in turns. */
  const beats = (count: number, older: number, newer: number) => {
    const inbox = makeInbox()
    for (let i = 0; i < count; i++) {
      inbox.accept(from(older + i, '1'))
      inbox.accept(from(newer + i, '2'))
    }
    return inbox
  }

  it('are noticed when both go on, whichever is heard first', () => {
    expect(beats(5, 100, 1).contested()).toEqual(['app-1'])
    const inbox = makeInbox()
    inbox.accept(from(1, '2'))
    for (let i = 0; i < 4; i++) {
      inbox.accept(from(100 + i, '1'))
      inbox.accept(from(2 + i, '2'))
    }
    expect(inbox.contested()).toEqual(['app-1'])
  })

  it('are not seen in a restart, its last messages overtaken, nor in a replay', () => {
    expect(beats(1, 100, 1).contested()).toEqual([])
    const inbox = makeInbox()
    for (let i = 1; i <= 50; i++) inbox.accept(from(i, '1'))
    inbox.accept(from(1, '2'))
    for (let i = 51; i <= 60; i++) inbox.accept(from(i, '1'))
    for (let i = 2; i <= 50; i++) {
      inbox.accept(from(i, '2'))
      inbox.accept(from(i, '1'))
    }
    expect(inbox.contested()).toEqual([])
  })

  it('are forgotten when one of them is silent', () => {
    const inbox = beats(5, 100, 1)
    for (let i = 0; i < 100; i++) inbox.accept(from(10 + i, '2'))
    expect(inbox.contested()).toEqual([])
  })
})
