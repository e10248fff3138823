import * as Effect from 'effect/Effect'
import type { CommandId } from '../core/domain/ids.ts'
import { NotConfirmed } from '../core/errors.ts'
import { type Position, reaches, start } from '../core/log/position.ts'
import type { ClusterView, Confirmation, Member } from '../core/store/parts.ts'
import type { Sender } from '../core/store/broadcast.ts'
import type { TrustedTime } from '../core/store/trusted-time.ts'

/** A node that neither wrote nor was heard for so long is taken for dead. Nodes announce themselves more often. */
export const forgetAfterMs = 3_600_000
export const announceEveryMs = 900_000
/** A node that is confirmed by time alone is given so much more than its fence needs, for clocks that run apart. */
const marginMs = 10
const marginShare = 0.01
const acknowledgedMax = 1_024

interface Known extends Member {
  /** Wall time of its last sign of life. */
  readonly aliveAt: number
  /** Up to where it said that it has applied the log. */
  readonly position: Position
}

/**
 * Keeps the other nodes, as the log names them and the broadcast tells of them. A process that took this node's own name
 * after it is one of them: it was misnamed, and it validates all the same.
 */
export const makeMembership = (self: { readonly node: string; readonly incarnation: string }, time: TrustedTime): ClusterView => {
  const members = new Map<string, Known>()
  let hasJoined = false
  /** By command: the nodes that have applied it. The latest only; who waits for one waits from before it is sent. */
  const acknowledged = new Map<CommandId, Set<string>>()
  const waiting = new Set<() => void>()
  const tell = (): void => { for (const check of [...waiting]) check() }

  const others = (): readonly Known[] => {
    const now = time.now()
    for (const member of members.values()) if (now - member.aliveAt > forgetAfterMs) members.delete(member.node)
    return [...members.values()]
  }

  /** Gone, or started anew: then it has read the log up to its own start before it answers anybody. */
  const isGone = (member: Known): boolean => members.get(member.node)?.incarnation !== member.incarnation
  const hasApplied = (member: Known, command: CommandId | null, position: Position): boolean =>
    reaches(members.get(member.node)?.position ?? start, position)
    || (command !== null && acknowledged.get(command)?.has(member.node) === true)

  const confirmed = (
    command: CommandId | null, position: Position, durableAt: number
  ): Effect.Effect<Confirmation, NotConfirmed> => Effect.callback((resume) => {
    const asked = others()
    const missing = () => asked.filter((member) => !isGone(member) && !hasApplied(member, command, position))
    const done = () => resume(Effect.succeed({
      by: asked.filter((member) => !isGone(member) && hasApplied(member, command, position)).map(({ node }) => node),
      at: time.monotonic()
    }))
    const check = (): void => { if (missing().length === 0) done() }
    if (missing().length === 0) return done()
    const fenced = Math.max(...missing().map(({ fencesAfterMs }) => fencesAfterMs ?? 0)) * (1 + marginShare) + marginMs
    const cancel = time.schedule(durableAt + fenced - time.monotonic(), () => {
      const serving = missing().filter(({ fencesAfterMs }) => fencesAfterMs === null).map(({ node }) => node)
      if (serving.length === 0) return done()
      resume(Effect.fail(new NotConfirmed({
        missing: serving, position,
        message: `The revocation is durable and in force, but ${serving.join(', ')} did not acknowledge it. They run with `
          + "onStale: 'serve', so their silence proves nothing. Look at their health()."
      })))
    })
    waiting.add(check)
    return Effect.sync(() => {
      waiting.delete(check)
      cancel()
    })
  })

  const update = (node: string, change: Partial<Known>): void => {
    const known = members.get(node)
    if (known === undefined) return
    members.set(node, { ...known, ...change })
  }

  return {
    others,
    confirmed: (command, position, durableAt) => confirmed(command, position, durableAt).pipe(Effect.ensuring(
      Effect.sync(() => { if (command !== null) acknowledged.delete(command) }))),
    fold: (event) => {
      if (event.by === self.node) {
        if (event.incarnation === self.incarnation) hasJoined = true
        // What stands before this node's own announcement are its former lives.
        if (!hasJoined || event.incarnation === self.incarnation) return
      }
      const known = members.get(event.by)
      if (event.state === 'leaves') {
        if (known?.incarnation === event.incarnation) members.delete(event.by)
      } else {
        members.set(event.by, {
          node: event.by, incarnation: event.incarnation, fencesAfterMs: event.fencesAfterMs, aliveAt: event.at,
          skewMs: known?.skewMs ?? null,
          position: known?.incarnation === event.incarnation ? known.position : start
        })
      }
      tell()
    },
    misnamed: () => members.has(self.node),
    wrote: (node, at) => update(node, { aliveAt: Math.max(members.get(node)?.aliveAt ?? 0, at) }),
    heard: (from, position, wall) => {
      if (members.get(from.node)?.incarnation !== from.incarnation) return
      const now = time.now()
      update(from.node, { position, skewMs: Math.round(wall - now), aliveAt: now })
      tell()
    },
    acknowledged: (from: Sender, command) => {
      if (members.get(from.node)?.incarnation !== from.incarnation) return
      const nodes = acknowledged.get(command) ?? new Set()
      nodes.add(from.node)
      acknowledged.set(command, nodes)
      if (acknowledged.size > acknowledgedMax) {
        const [oldest] = acknowledged.keys()
        if (oldest !== undefined) acknowledged.delete(oldest)
      }
      tell()
    },
    left: (from) => {
      if (members.get(from.node)?.incarnation === from.incarnation) members.delete(from.node)
      tell()
    }
  }
}
