import * as Layer from 'effect/Layer'
import { systemClock } from '../../core/clock.ts'
import { EventLog } from '../../core/log/port.ts'
import { openSessions, type Sessions } from '../../index.ts'
import { WrongAnswer } from './case.ts'
import { GeneratedLog } from './generated-log.ts'
import { population, type Population } from './population.ts'
import type { Progress } from './progress.ts'

/** A node as an app has it, by the public door, that has folded the starts of a whole population. */
export interface Populated {
  readonly sessions: Sessions
  readonly people: Population
}

/** A trial keeps the event loop to itself, for seconds on a slow machine; the fence is looked at all the same. */
const maxStaleness = '1 minute'

/** Opens a node over a log that makes its records as they are read. Everything but maxStaleness is the default. */
export const openPopulated = async (size: number, progress: Progress): Promise<Populated> => {
  const people = population(size, systemClock.wall() - 2_000)
  let reported = 0
  progress.begin(`folding ${size.toLocaleString('en-US')} sessions`, size)
  const log = new GeneratedLog(size, (offset) => {
    if (offset - reported >= 1_000) {
      progress.step(offset - reported)
      reported = offset
    }
    return people.started(offset)
  })
  const sessions = await openSessions({ log: Layer.succeed(EventLog, log.shape), node: 'bench', maxStaleness })
  progress.end()
  const { live } = sessions.health().sessions
  if (live !== size) throw new WrongAnswer(`the node knows ${live} live sessions where ${size} were started`)
  return { sessions, people }
}
