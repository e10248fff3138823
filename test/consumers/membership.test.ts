import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import { describe, expect, it } from 'vitest'
import { forgetAfterMs, makeMembership } from '../../consumers/membership.ts'
import type { NodeAnnounced } from '../../core/domain/events.ts'
import type { CommandId } from '../../core/domain/ids.ts'
import { position } from '../../core/log/position.ts'
import { TrustedTime } from '../../core/store/trusted-time.ts'
import { ManualClock } from '../support/world.ts'

const command = 'c1' as CommandId
const place = position([10])

const cluster = () => {
  const clock = new ManualClock()
  const membership = makeMembership({ node: 'self', incarnation: '5' }, new TrustedTime(clock), 5_000)
  const announce = (by: string, change: Partial<NodeAnnounced> = {}, partition = 0) => membership.fold({
    type: 'NodeAnnounced', v: 1, at: clock.wall(), by, command: 'c0' as CommandId, ignorable: true, incarnation: '1',
    state: 'joins', fencesAfterMs: 5_000, ...change
  }, partition)
  const from = (node: string, incarnation = '1') => ({ node, incarnation, sequence: 1 })
  const ask = () => {
    const asked: { exit?: Exit.Exit<{ readonly by: readonly string[] }, { readonly _tag: string }> } = {}
    const done = Effect.runPromiseExit(membership.confirmed(command, place, clock.monotonic()))
      .then((exit) => { asked.exit = exit })
    return { asked, done, settle: () => new Promise((resolve) => { setImmediate(resolve) }) }
  }
  return { clock, membership, announce, from, ask }
}

describe('confirmed', () => {
  it('needs nobody when there is nobody', async () => {
    const { ask } = cluster()
    const { asked, done } = ask()
    await done
    expect(asked.exit).toMatchObject({ value: { by: [] } })
  })

  it('does not take what a process has acknowledged for the next one of its node', async () => {
    const { announce, ask, from, membership } = cluster()
    announce('b', { incarnation: '1' })
    membership.acknowledged(from('b', '1'), command)
    announce('b', { incarnation: '2' })
    const { asked, done, settle } = ask()
    await settle()
    expect(asked.exit).toBeUndefined()
    membership.acknowledged(from('b', '2'), command)
    await done
    expect(asked.exit).toMatchObject({ value: { by: ['b'] } })
  })

  it('waits for every node that the log names, heard or not', async () => {
    const { announce, ask, from, membership } = cluster()
    announce('b')
    announce('c')
    const { asked, done, settle } = ask()
    membership.acknowledged(from('b'), command)
    await settle()
    expect(asked.exit).toBeUndefined()
    membership.heard(from('c'), position([10]), 0)
    await done
    expect(asked.exit).toMatchObject({ value: { by: ['b', 'c'] } })
  })

  it('is not moved by another incarnation, another command or an older position', async () => {
    const { announce, ask, from, membership } = cluster()
    announce('b', { incarnation: '2' })
    const { asked, settle } = ask()
    membership.acknowledged(from('b', '1'), command)
    membership.acknowledged(from('b', '2'), 'c2' as CommandId)
    membership.heard(from('b', '2'), position([9]), 0)
    membership.heard(from('b', '1'), position([99]), 0)
    await settle()
    expect(asked.exit).toBeUndefined()
  })

  it('resolves once a silent node must have fenced itself, not before', async () => {
    const { announce, ask, clock } = cluster()
    announce('b')
    const { asked, done, settle } = ask()
    clock.advance(5_000)
    await settle()
    expect(asked.exit).toBeUndefined()
    clock.advance(100)
    await done
    expect(asked.exit).toMatchObject({ value: { by: [] } })
  })

  it('is refused when a node that serves while stale stays silent', async () => {
    const { announce, ask, clock } = cluster()
    announce('b', { fencesAfterMs: null })
    announce('c')
    const { asked, done } = ask()
    clock.advance(10_000)
    await done
    expect(asked.exit && Exit.isFailure(asked.exit) && asked.exit.cause.reasons[0]).toMatchObject({
      error: { _tag: 'NotConfirmed', missing: ['b'] }
    })
  })

  it('counts a node that left, or started anew, as done', async () => {
    const { announce, ask, from, membership } = cluster()
    announce('b')
    announce('c')
    const { asked, done } = ask()
    membership.left(from('b'))
    announce('c', { incarnation: '2' })
    await done
    expect(asked.exit).toMatchObject({ value: { by: [] } })
  })
})

describe('others', () => {
  it('forgets a node that nothing was heard of for long, and not one that writes', () => {
    const { announce, clock, membership } = cluster()
    announce('b')
    announce('c')
    clock.advance(forgetAfterMs - 1)
    membership.wrote('c')
    expect(membership.others()).toHaveLength(2)
    clock.advance(2)
    expect(membership.others().map(({ node }) => node)).toEqual(['c'])
  })

  it('tells the difference of the clocks', () => {
    const { announce, clock, from, membership } = cluster()
    announce('b')
    membership.heard(from('b'), place, clock.wall() + 3_000)
    expect(membership.others()[0]?.skewMs).toBe(3_000)
  })

  it('does not count itself, nor its former lives, but a process that took its name', () => {
    const { announce, clock, membership } = cluster()
    announce('self', { incarnation: '4' })
    announce('self', { incarnation: '5' })
    // Another partition is not so far yet.
    announce('self', { incarnation: '4' }, 1)
    announce('self', { incarnation: '5' }, 1)
    expect(membership.others()).toEqual([])
    expect(membership.misnamed()).toBe(false)
    // Its place in the log tells that it came later, and no clock.
    announce('self', { incarnation: '6', at: clock.wall() - 60_000 })
    expect(membership.others()).toHaveLength(1)
    expect(membership.misnamed()).toBe(true)
  })

  it('tells the later of two processes with one name that the earlier one lives, for as long as it is heard', () => {
    const { announce, clock, from, membership } = cluster()
    announce('self', { incarnation: '4' })
    announce('self', { incarnation: '5' })
    membership.heard(from('self', '5'), place, clock.wall())
    expect(membership.misnamed()).toBe(false)
    membership.heard(from('self', '4'), place, clock.wall())
    expect(membership.misnamed()).toBe(true)
    clock.advance(5_000)
    expect(membership.misnamed()).toBe(false)
  })
})
