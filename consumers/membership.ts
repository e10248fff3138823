import * as Effect from 'effect/Effect'
import type { NodeAnnounced } from '../core/domain/events.ts'
import type { CommandId } from '../core/domain/ids.ts'
import { NotConfirmed } from '../core/errors.ts'
import { type Position, reaches, start } from '../core/log/position.ts'
import type { ClusterView, Member } from '../core/store/parts.ts'
import type { TrustedTime } from '../core/store/trusted-time.ts'

/** A node that neither wrote nor was heard for so long is taken for dead. Nodes announce themselves more often. */
export const forgetAfterMs = 3_600_000
export const announceEveryMs = 900_000
/** A node that is confirmed by time alone is given so much more than its fence needs, for clocks that run apart. */
const marginMs = 10
const marginShare = 0.01
const acknowledgedMax = 1_024
/** A namesake is told of for so long after it was heard: some heartbeats. */
const namesakeMs = 5_000

interface Known extends Member {
  /**
   * When this node last folded or heard a sign of life, by its own monotonic clock: nobody's wall clock is believed.
   */
  readonly aliveAt: number
  /** Up to where it said that it has applied the log. */
  readonly position: Position
}

interface Self {
  readonly node: string
  readonly incarnation: string
}

/** The other nodes by name, each with the last that is known of it. */
class Roster {
  readonly #self: Self
  readonly #time: TrustedTime
  readonly #members = new Map<string, Known>()
  /** The partitions that have told of this process's own announcement. */
  readonly #joinedIn = new Set<number>()
  #namesakeHeardAt = Number.NEGATIVE_INFINITY

  constructor(self: Self, time: TrustedTime) {
    this.#self = self
    this.#time = time
  }

  all(): readonly Known[] {
    const now = this.#time.monotonic()
    for (const { node, aliveAt } of this.#members.values()) {
      if (now - aliveAt > forgetAfterMs) this.#members.delete(node)
    }
    return [...this.#members.values()]
  }

  /** That process, under whose name no other has come since. */
  find({ node, incarnation }: Self): Known | undefined {
    const known = this.#members.get(node)
    return known?.incarnation === incarnation ? known : undefined
  }

  /** By the log, another process came under this name after this one; by the broadcast, another is alive now. */
  get isMisnamed(): boolean {
    return this.#members.has(this.#self.node) || this.#time.monotonic() - this.#namesakeHeardAt < namesakeMs
  }

  fold(event: NodeAnnounced, partition: number): void {
    const { by: node, incarnation } = event
    if (node === this.#self.node) {
      if (incarnation === this.#self.incarnation) this.#joinedIn.add(partition)
      // What stands before this process's own announcement are its former lives.
      if (incarnation === this.#self.incarnation || !this.#joinedIn.has(partition)) return
    }
    if (event.state === 'leaves') return this.remove({ node, incarnation })
    this.#members.set(node, {
      node, incarnation, fencesAfterMs: event.fencesAfterMs, aliveAt: this.#time.monotonic(),
      skewMs: this.#members.get(node)?.skewMs ?? null,
      position: this.find({ node, incarnation })?.position ?? start
    })
  }

  wrote(node: string): void {
    const known = this.#members.get(node)
    // Its own records are no sign of life of a process that took its name.
    if (known === undefined || node === this.#self.node) return
    this.#members.set(node, { ...known, aliveAt: this.#time.monotonic() })
  }

  heard(from: Self, position: Position, wall: number): void {
    if (from.node === this.#self.node && from.incarnation !== this.#self.incarnation) {
      this.#namesakeHeardAt = this.#time.monotonic()
    }
    const known = this.find(from)
    if (known === undefined) return
    const skewMs = Math.round(wall - this.#time.now())
    this.#members.set(from.node, { ...known, position, skewMs, aliveAt: this.#time.monotonic() })
  }

  remove(gone: Self): void {
    if (this.find(gone) !== undefined) this.#members.delete(gone.node)
  }
}

/** What a process has applied, the next of its node has not. */
const processOf = ({ node, incarnation }: Self): string => JSON.stringify([node, incarnation])

/**
 * By command, the processes that have said that they applied it. The latest commands only: who waits for one waits from
 * before it is sent.
 */
class Acknowledgements {
  readonly #processes = new Map<CommandId, Set<string>>()

  has(command: CommandId, of: Self): boolean {
    return this.#processes.get(command)?.has(processOf(of)) === true
  }

  add(command: CommandId, by: Self): void {
    const processes = this.#processes.get(command) ?? new Set()
    this.#processes.set(command, processes.add(processOf(by)))
    const [oldest] = this.#processes.keys()
    if (this.#processes.size > acknowledgedMax && oldest !== undefined) this.#processes.delete(oldest)
  }

  forget(command: CommandId | null): void {
    if (command !== null) this.#processes.delete(command)
  }
}

const notConfirmed = (missing: readonly string[], position: Position): NotConfirmed => new NotConfirmed({
  missing, position,
  message: `The revocation is durable and in force, but ${missing.join(', ')} did not acknowledge it. They run with `
    + "onStale: 'serve', so their silence proves nothing. Look at their health()."
})

/**
 * Keeps the other nodes, as the log names them and the broadcast tells of them. A process that took this node's own
 * name after it is one of them: it was misnamed, and it validates all the same. `patienceMs`: how long a node that
 * serves while stale is given to acknowledge.
 */
export const makeMembership = (self: Self, time: TrustedTime, patienceMs: number): ClusterView => {
  const roster = new Roster(self, time)
  const acknowledgements = new Acknowledgements()
  const waiting = new Set<() => void>()
  const tell = (): void => { for (const check of [...waiting]) check() }

  const confirmed: ClusterView['confirmed'] = (command, position, durableAt) => Effect.callback((resume) => {
    const asked = roster.all()
    const hasApplied = (known: Known): boolean =>
      reaches(known.position, position) || (command !== null && acknowledgements.has(command, known))
    /** One that is gone, or started anew, has read the log up to its own start before it answers anybody. */
    const standing = (): readonly Known[] => asked.flatMap((member) => roster.find(member) ?? [])
    const missing = (): readonly Known[] => standing().filter((known) => !hasApplied(known))
    const done = (): void => resume(Effect.succeed({
      by: standing().filter(hasApplied).map(({ node }) => node), at: time.monotonic()
    }))
    const check = (): void => { if (missing().length === 0) done() }
    if (missing().length === 0) return done()
    const fenced =
      Math.max(...missing().map(({ fencesAfterMs }) => fencesAfterMs ?? patienceMs)) * (1 + marginShare) + marginMs
    const cancel = time.schedule(durableAt + fenced - time.monotonic(), () => {
      const serving = missing().filter(({ fencesAfterMs }) => fencesAfterMs === null).map(({ node }) => node)
      if (serving.length === 0) return done()
      resume(Effect.fail(notConfirmed(serving, position)))
    })
    waiting.add(check)
    return Effect.sync(() => {
      waiting.delete(check)
      cancel()
    })
  })

  return {
    others: () => roster.all(),
    confirmed: (command, position, durableAt) => confirmed(command, position, durableAt).pipe(
      Effect.ensuring(Effect.sync(() => acknowledgements.forget(command)))),
    fold: (event, partition) => {
      roster.fold(event, partition)
      tell()
    },
    misnamed: () => roster.isMisnamed,
    wrote: (node) => roster.wrote(node),
    heard: (from, position, wall) => {
      roster.heard(from, position, wall)
      tell()
    },
    acknowledged: (from, command) => {
      if (roster.find(from) === undefined) return
      acknowledgements.add(command, from)
      tell()
    },
    left: (from) => {
      roster.remove(from)
      tell()
    }
  }
}
