import { describe, expect, it } from 'vitest'
import { openFacade } from '../../consumers/facade.ts'
import type { Clock } from '../../core/clock.ts'
import { memoryLog } from '../../core/log/memory.ts'
import { LogNode } from '../support/log-node.ts'
import { eventsOf } from '../support/sample-events.ts'
import { until } from '../support/until.ts'
import { ManualClock, random } from '../support/world.ts'

/** Time that passes by being looked at: so many ms with every look at the monotonic clock. */
const clockOf = (msPerLook: number): Clock => {
  const clock = new ManualClock()
  const monotonic = (): number => {
    clock.advance(msPerLook)
    return clock.monotonic()
  }
  return { monotonic, wall: clock.wall, schedule: clock.schedule }
}

/** How many records of one batch the node folds in each turn of the event loop. */
const foldedByTurn = async (msPerLook: number): Promise<readonly number[]> => {
  const log = memoryLog()
  const writer = await LogNode.open(log)
  const sessions = await openFacade({ log, node: 'app-1' }, { clock: clockOf(msPerLook), random })
  const folded = (): number => sessions.health().position.reduce((sum, count) => sum + count, 0)
  const turns: number[] = []
  let watched = folded()
  const target = watched + 100
  const look = (): void => {
    const now = folded()
    if (now > watched) turns.push(now - watched)
    watched = now
  }
  let turn = setImmediate(function watch() {
    look()
    turn = setImmediate(watch)
  })
  await writer.append(...eventsOf('ann', 'c', 100))
  await until('all is folded', () => folded() >= target)
  clearImmediate(turn)
  look()
  await sessions.close()
  await writer.close()
  return turns
}

describe('the tail', () => {
  it('folds what takes no time in one turn', async () => {
    expect(Math.max(...await foldedByTurn(0))).toBeGreaterThanOrEqual(100)
  })

  it('gives the event loop its turn when a batch takes long, and counts as applied what it has folded by then', async () => {
    const turns = await foldedByTurn(1)
    expect(Math.max(...turns)).toBeLessThanOrEqual(64)
    expect(turns.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(100)
  })
})
