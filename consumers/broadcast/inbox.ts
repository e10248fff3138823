import type { Sender } from '../../core/store/broadcast.ts'

/**
 * Where a message stands among its sender's others.
 * `new`: the next one. `gap`: later than the next one, so something was lost; also the first that is heard of a sender,
 * unless it is the sender's first. `repeated`: heard before, or overtaken by a later one. `older-incarnation`: the node
 * has been started anew since.
 */
export type Place = 'new' | 'gap' | 'repeated' | 'older-incarnation'

export interface Inbox {
  readonly accept: (from: Sender) => Place
  /** Names that two living processes use at once. */
  readonly contested: () => readonly string[]
}

interface Known {
  readonly incarnation: string
  sequence: number
  /** The incarnation before, if it was heard. */
  older: { readonly incarnation: string; sequence: number } | null
  /** How often the older incarnation said something new after this one had spoken. */
  turns: number
  /** What this one has said since. */
  since: number
}

/** Nodes that are kept. Who falls out counts as first heard the next time. */
const nodesMax = 4_096
/** So many turns are no messages under way any more. */
const turnsOfTwo = 3
/** An older incarnation that was silent for so many messages of the newer one has ended. */
const silentFor = 64

/** Keeps the place of each sender. Bounded, however many names are made up. */
export const makeInbox = (): Inbox => {
  /** The one heard longest ago first. */
  const nodes = new Map<string, Known>()

  const keep = (node: string, known: Known): void => {
    nodes.delete(node)
    nodes.set(node, known)
    if (nodes.size <= nodesMax) return
    const [longestAgo] = nodes.keys()
    if (longestAgo !== undefined) nodes.delete(longestAgo)
  }

  const acceptOlder = (known: Known, from: Sender): void => {
    const { older } = known
    if (older !== null && from.incarnation < older.incarnation) return
    if (older?.incarnation === from.incarnation && from.sequence <= older.sequence) return
    known.older = { incarnation: from.incarnation, sequence: from.sequence }
    if (known.since > 0) known.turns++
    known.since = 0
  }

  const accept = (from: Sender): Place => {
    const known = nodes.get(from.node)
    if (known === undefined || from.incarnation > known.incarnation) {
      const older = known === undefined ? null : { incarnation: known.incarnation, sequence: known.sequence }
      keep(from.node, {
        incarnation: from.incarnation, sequence: from.sequence, older, turns: 0, since: 1
      })
      return from.sequence === 1 ? 'new' : 'gap'
    }
    keep(from.node, known)
    if (from.incarnation < known.incarnation) {
      acceptOlder(known, from)
      return 'older-incarnation'
    }
    if (from.sequence <= known.sequence) return 'repeated'
    const place = from.sequence === known.sequence + 1 ? 'new' : 'gap'
    known.sequence = from.sequence
    known.since++
    return place
  }

  const contested = (): readonly string[] => {
    const names: string[] = []
    for (const [node, { turns, since }] of nodes) if (turns >= turnsOfTwo && since < silentFor) names.push(node)
    return names
  }

  return { accept, contested }
}
