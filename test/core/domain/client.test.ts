import { describe, expect, it } from 'vitest'
import { ClientWorld, flightMs, type Move } from './client-world.ts'
import { domain, grace, isGood } from './story.ts'

const ask = (what: 'visit' | 'rotate' | 'step up'): Move => ({ move: 'ask', what })
const arrive = (which: number): Move => ({ move: 'arrive', which })
const receive = (which: number): Move => ({ move: 'receive', which })
const lose: Move = { move: 'lose answer', which: 0 }
/** Longer than any grace. */
const think: Move = { move: 'think', ms: grace }

/** Whether the client can go on with the token that it holds, once all has arrived that ever will. */
const goesOn = (...list: readonly Move[]) => {
  const world = new ClientWorld(domain, { overlapping: 'all' })
  for (const move of list) world.run(move)
  expect(world.requests.length + world.answers.length).toBe(0)
  expect(world.standing()).toSatisfy(isGood)
  expect(world.state.status).toBe('live')
  return world
}

describe('a client that pauses for longer than the grace goes on', () => {
  it('after the answer to its rotation was lost, and rotates again', () => {
    const world = goesOn(ask('rotate'), arrive(0), lose, think, ask('rotate'), arrive(0), receive(0), think)
    expect(world.held).not.toBe('first')
  })

  it('where a second rotation follows before the answer to the first has come', () => {
    goesOn(ask('rotate'), ask('rotate'), arrive(0), receive(0), arrive(0), think)
  })

  it('where both rotations arrive before either answer has come', () => {
    goesOn(ask('rotate'), ask('rotate'), arrive(0), arrive(0), receive(0), think)
  })

  it('where a late request with the old token arrives behind one with the new', () => {
    goesOn(ask('visit'), ask('rotate'), arrive(1), receive(0), ask('visit'), arrive(1), arrive(0), think)
  })

  it('where a rotation with the old token arrives behind a request with the new', () => {
    goesOn(ask('rotate'), ask('rotate'), arrive(0), receive(0), ask('visit'), arrive(1), arrive(0), think)
  })

  it('with a step-up beside a rotation that comes first or last', () => {
    const first = goesOn(ask('step up'), ask('rotate'), arrive(0), arrive(0), receive(0), think)
    expect(first.given.get(first.held)?.level).toBe('aal2')
    const last = goesOn(ask('rotate'), ask('step up'), arrive(0), arrive(0), receive(0), receive(0), think)
    expect(last.given.get(last.held)?.level).toBe('aal2')
  })
})

describe('a token that was replaced', () => {
  it('ends the session when it is presented past its grace', () => {
    const world = goesOn(ask('rotate'), arrive(0), receive(0), ask('visit'), arrive(0), think)
    world.requests.push({ what: 'visit', token: 'first', until: Infinity })
    world.run(arrive(0))
    expect(world.state).toMatchObject({ status: 'ended', reason: 'token-reuse' })
  })

  it('buys no successor within its grace', () => {
    const world = goesOn(ask('rotate'), arrive(0), receive(0), ask('visit'), arrive(0))
    world.requests.push({ what: 'rotate', token: 'first', until: Infinity })
    world.run(arrive(0))
    expect(world.answers).toEqual([])
    expect(world.state.status).toBe('live')
  })

  it('has a grace that outlasts a message and its answer', () => {
    expect(flightMs * 2).toBeLessThan(grace)
  })
})
