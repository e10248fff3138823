import type { DomainEvent } from '../../core/domain/events.ts'
import type { CommandId } from '../../core/domain/ids.ts'
import { digestOf } from '../../core/domain/token.ts'
import { chance } from './chance.ts'
import { population, type Population } from './population.ts'

/** What a log looks like after a while: people log in, are seen, get new tokens, change something, log out. */
export interface History {
  /** The next event, in their order. Undefined once all of the population have started. */
  readonly next: () => DomainEvent | undefined
  /** The numbers of the sessions that are live after all that was handed out. */
  readonly live: () => readonly number[]
}

interface Living {
  readonly i: number
  version: number
}

/** Of a hundred draws so many are starts, ends, rotations (a confirmation follows each), changes; the rest activity. */
const shares = { starts: 40, ends: 28, rotations: 6, changes: 6 } as const
/** So many sessions are seen in one batch of activity. */
const seenPerBatch = 20

/** `at`: the wall clock of the next event, ms. */
export const history = (people: Population, at: () => number, seed = 5): History => {
  const among = chance(seed)
  const tokens = population(people.size, 0, seed + 100)
  const living: Living[] = []
  let started = 0
  let written = 0
  let following: DomainEvent | undefined
  const envelope = () => ({ v: 1, at: at(), by: 'bench', command: `h${seed}-${written}` as CommandId } as const)
  const named = ({ i }: Living) => ({ session: people.id(i), subject: people.subject(i), tenant: null })
  const some = (): Living => living[among.below(living.length)]!

  const start = (): DomainEvent => {
    living.push({ i: started, version: 1 })
    return people.started(started++)
  }
  const end = (): DomainEvent => {
    const place = among.below(living.length)
    const one = living[place]!
    living[place] = living.at(-1)!
    living.pop()
    return { type: 'SessionEnded', ...envelope(), ...named(one), reason: 'logout' }
  }
  const rotate = (): DomainEvent => {
    const one = some()
    const digest = digestOf(tokens.token(written))
    const rotated: DomainEvent = {
      type: 'TokenRotated', ...envelope(), ...named(one), expects: one.version, digest, graceMs: 30_000
    }
    written++
    following = { type: 'TokenConfirmed', ...envelope(), ...named(one), digest }
    one.version += 2
    return rotated
  }
  const change = (): DomainEvent => {
    const one = some()
    one.version++
    const patch = { cart: among.below(1_000), locale: 'en' }
    return { type: 'AttributesChanged', ...envelope(), ...named(one), patch }
  }
  const activity = (): DomainEvent => {
    const from = among.below(living.length)
    const seen = living.slice(from, from + seenPerBatch).map(({ i }) => [people.id(i), at()] as const)
    return { type: 'ActivityRecorded', ...envelope(), seen }
  }

  return {
    next: () => {
      written++
      if (following !== undefined) {
        const event = following
        following = undefined
        return event
      }
      if (started === people.size) return undefined
      const roll = among.below(100)
      if (living.length === 0 || roll < shares.starts) return start()
      if (roll < shares.starts + shares.ends) return end()
      if (roll < shares.starts + shares.ends + shares.rotations) return rotate()
      return roll < shares.starts + shares.ends + shares.rotations + shares.changes ? change() : activity()
    },
    live: () => living.map(({ i }) => i)
  }
}
