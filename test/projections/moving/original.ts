import fc from 'fast-check'
import { type DomainEvent, orderingKey } from '../../../core/domain/events.ts'
import type { CommandId, Digest, SessionId } from '../../../core/domain/ids.ts'
import type { StoredEvent } from '../../../core/log/port.ts'
import { idAt } from '../tokens.ts'

export const t0 = 1_750_000_000_000
const second = 1_000
const limits = { idle: 5 * second, absolute: 3_600 * second, renew: null }
const tenants = ['north', 'south']
const digestAt = (i: number) => `${String(i).padStart(42, 'd')}A` as Digest

/** One session's step, of the session that `which` chooses. */
interface Own { readonly kind: number; readonly which: number; readonly at: number }
/** What stands in every partition, in each at a place of its own: they may cross. */
interface Every { readonly kind: number; readonly at: number; readonly which: number; readonly places: readonly number[] }

const own: fc.Arbitrary<Own> = fc.record({
  kind: fc.nat(9), which: fc.nat(20), at: fc.nat(30).map((s) => t0 + s * second)
})
const every = (partitions: number): fc.Arbitrary<Every> => fc.record({
  kind: fc.nat(6), at: fc.nat(30).map((s) => t0 + s * second), which: fc.nat(20),
  places: fc.array(fc.nat(40), { minLength: partitions, maxLength: partitions })
})

const envelope = (command: string, at: number) => ({ v: 1, at, by: 'app-1', command: command as CommandId } as const)

/** A session's own events, in the partition of its subject. */
const ownEvents = (partition: number, steps: readonly Own[], ids: SessionId[]): DomainEvent[] => {
  const mine: { readonly id: SessionId; readonly subject: string; readonly tenant: string | null; version: number }[] = []
  let count = 0
  return steps.map(({ kind, which, at }): DomainEvent => {
    const number = partition * 1_000 + count++
    const common = envelope(`c${number}`, at)
    const known = mine[which % Math.max(1, mine.length)]
    const subject = `p${partition}-${which % 3}`
    if (known === undefined || kind < 4) {
      const id = idAt(number, t0)
      const tenant = tenants[which % 3] ?? null
      mine.push({ id, subject, tenant, version: 1 })
      ids.push(id)
      return {
        type: 'SessionStarted', ...common, session: id, subject, tenant, digest: digestAt(number), limits,
        authentication: { level: 'aal1', methods: [], at }, device: null, attributes: {}, continues: null
      }
    }
    const of = { session: known.id, subject: known.subject, tenant: known.tenant }
    switch (kind) {
      case 4:
      case 5:
        return { type: 'AttributesChanged', ...common, ...of, patch: { n: number } }
      case 6:
        return { type: 'TokenRotated', ...common, ...of, expects: known.version++, digest: digestAt(number), graceMs: 0 }
      case 7:
        return { type: 'SessionEnded', ...common, ...of, reason: 'idle' }
      case 8:
        return { type: 'SubjectRevoked', ...common, subject, except: [], before: null, reason: 'revoked' }
      default:
        return { type: 'SessionEnded', ...common, ...of, reason: 'logout' }
    }
  })
}

const everyEvent = ({ kind, at, which }: Every, i: number, ids: readonly SessionId[]): DomainEvent => {
  const before = which % 4 === 0 ? at - 5 * second : null
  if (kind < 2) return { type: 'TenantRevoked', ...envelope(`w${i}`, at), tenant: tenants[kind]!, before, reason: 'revoked' }
  if (kind === 2) return { type: 'AllRevoked', ...envelope(`w${i}`, at), before, reason: 'logout' }
  if (kind === 3) {
    return {
      type: 'NodeAnnounced', ...envelope(`w${i}`, at), ignorable: true, incarnation: 'x', state: 'joins',
      fencesAfterMs: null
    }
  }
  const seen = [which, which + 1, which + 3].flatMap((n) => ids[n % Math.max(1, ids.length)] ?? [])
  return { type: 'ActivityRecorded', ...envelope(`w${i}`, at), seen: seen.map((id, n) => [id, at - n * second] as const) }
}

/** A node has seen no session whose start it had not read. */
const onlyWhatStands = (lists: readonly DomainEvent[][]): void => {
  const startsBehind = new Map<CommandId, Set<SessionId>>()
  for (const list of lists) {
    list.forEach((event, i) => {
      if (event.type !== 'ActivityRecorded') return
      const later = startsBehind.get(event.command) ?? new Set()
      for (const other of list.slice(i)) if (other.type === 'SessionStarted') later.add(other.session)
      startsBehind.set(event.command, later)
    })
  }
  for (const list of lists) {
    list.forEach((event, i) => {
      if (event.type !== 'ActivityRecorded') return
      list[i] = { ...event, seen: event.seen.filter(([id]) => !startsBehind.get(event.command)!.has(id)) }
    })
  }
}

/** A log of so many partitions, record by record in the order of each. Any records may stand twice. */
export const originals = (partitions: number): fc.Arbitrary<readonly (readonly StoredEvent[])[]> => fc.record({
  own: fc.array(fc.array(own, { minLength: 3, maxLength: 25 }), { minLength: partitions, maxLength: partitions }),
  every: fc.array(every(partitions), { maxLength: 8 }),
  twice: fc.array(fc.nat(60), { maxLength: 3 })
}).map(({ own: steps, every: wide, twice }) => {
  const ids: SessionId[] = []
  const lists = steps.map((mine, partition) => ownEvents(partition, mine, ids))
  wide.forEach((one, i) => {
    const event = everyEvent(one, i, ids)
    lists.forEach((list, partition) => list.splice(one.places[partition]! % (list.length + 1), 0, event))
  })
  onlyWhatStands(lists)
  for (const list of lists) for (const at of twice) if (at < list.length) list.splice(at + 1, 0, list[at]!)
  return lists.map((list, partition) => list.map((event, offset) => ({ partition, offset, event })))
})

/** The records in an order in which they may be read: of which partition is next, `choices` say. */
export const interleaved = (
  lists: readonly (readonly StoredEvent[])[], choices: readonly number[]
): readonly StoredEvent[] => {
  const next = lists.map(() => 0)
  const all: StoredEvent[] = []
  for (let i = 0; ; i++) {
    const open = lists.flatMap((list, partition) => next[partition]! < list.length ? [partition] : [])
    if (open.length === 0) return all
    const partition = open[(choices[i % choices.length] ?? 0) % open.length]!
    all.push(lists[partition]![next[partition]!++]!)
  }
}

/** Another log, of so many partitions, as it stands after these appends. */
export class Copy {
  readonly records: StoredEvent[] = []
  readonly partitions: number
  readonly #offsets: number[]

  constructor(partitions: number) {
    this.partitions = partitions
    this.#offsets = Array.from({ length: partitions }, () => 0)
  }

  append(event: DomainEvent, only?: number): void {
    const place = orderingKey(event)
    const count = this.#offsets.length
    const partitions = place === 'every' ? [...this.#offsets.keys()]
      : [place === 'any' ? 0 : Buffer.from(place.key).reduce((sum, byte) => sum + byte, 0) % count]
    for (const partition of partitions) {
      if (only === undefined || only === partition) {
        this.records.push({ partition, offset: this.#offsets[partition]!++, event })
      }
    }
  }
}
