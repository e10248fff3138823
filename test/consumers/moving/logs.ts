import { openFacade, type Sessions } from '../../../consumers/facade.ts'
import type { OpenOptions } from '../../../consumers/node.ts'
import { systemClock } from '../../../core/clock.ts'
import type { DomainEvent } from '../../../core/domain/events.ts'
import type { StoredEvent } from '../../../core/log/port.ts'
import { start } from '../../../core/log/position.ts'
import { foldOf } from '../../simulation/finals.ts'
import { LogNode } from '../../support/log-node.ts'
import { random } from '../../support/world.ts'

export const world = { clock: systemClock, random }

/** All that stands in a log. */
export const readAll = async (layer: OpenOptions['log']): Promise<readonly StoredEvent[]> => {
  const node = await LogNode.open(layer)
  try {
    return await node.read(start)
  } finally {
    await node.close()
  }
}

export const appendAll = async (layer: OpenOptions['log'], ...events: readonly DomainEvent[]): Promise<void> => {
  const node = await LogNode.open(layer)
  try {
    await node.append(...events)
  } finally {
    await node.close()
  }
}

/**
 * What each session comes to. `reasons`: also what each died of. In a copy of several partitions that may be another of
 * the things that would have ended it.
 */
export const fold = async (layer: OpenOptions['log'], reasons = true) =>
  new Map([...foldOf(await readAll(layer))].flatMap(([id, state]) => {
    if (state.status === 'none') return []
    return [[id, state.status === 'ended' && !reasons ? 'ended' : state] as const]
  }))

/** A little of everything that a cluster does, by a real node that closes again. */
export const live = async (log: OpenOptions['log'], options: Partial<OpenOptions> = {}, rounds = 3): Promise<void> => {
  const sessions = await openFacade({ log, node: 'worker', ...options }, world)
  try {
    for (let i = 0; i < rounds; i++) await day(sessions, i)
  } finally {
    await sessions.close()
  }
}

const day = async (sessions: Sessions, i: number): Promise<void> => {
  const made = await Promise.all(['ada', 'bob', 'cy', 'dan', 'eve', null].map((subject, n) =>
    sessions.create({ subject, tenant: ['north', 'south', null][n % 3]!, attributes: { n, i } })))
  await Promise.all(made.map(({ token }, n) => sessions.update(token, { more: n })))
  const rotated = await sessions.rotate(made[0]!.token)
  sessions.validate(rotated.token)
  await sessions.reauthenticate(made[1]!.token, { level: 'aal2', methods: ['otp'] })
  await sessions.revoke({ token: made[2]!.token })
  if (i % 3 === 0) await sessions.revoke({ tenant: 'south' })
  if (i % 3 === 1) await sessions.revoke({ subject: 'ada' })
  if (i % 3 === 2) await sessions.revoke({ all: true })
  await sessions.create({ subject: 'fay', tenant: 'south' })
}
