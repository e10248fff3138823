import type {
  ActivityRecorded, DomainEvent, EndReason, Revocation, SessionStarted, WideRevocation
} from '../../core/domain/events.ts'
import { isWideRevocation } from '../../core/domain/events.ts'
import type { Digest, SessionId } from '../../core/domain/ids.ts'
import {
  absoluteDeadline, confirmable, evolve, initial, revokes, type LiveSession, type SessionState
} from '../../core/domain/session.ts'
import type { Refusal } from '../../core/domain/verdict.ts'
import type { Unreadable } from '../../core/log/codec.ts'
import type { StoredEvent } from '../../core/log/port.ts'
import { includes, type Position } from '../../core/log/position.ts'
import type { Outcome } from '../../core/store/ports.ts'

export interface Known {
  state: SessionState
  /** As it was while it lived: for what an ended session is still asked. */
  last: LiveSession
  readonly partition: number
  readonly offset: number
  /** What this node has seen of it, beside the log. */
  seen: number
  early: EndReason | undefined
  isBlocked: boolean
  /** The model's time when it became invalid. */
  hiddenAt: number
}

interface Pending {
  readonly event: Revocation
  readonly heardAt: Position
  readonly missing: Set<number>
}

export type Told =
  | { readonly kind: 'presented'; readonly id: SessionId; readonly digest: Digest }
  | { readonly kind: 'reuse' | 'return'; readonly id: SessionId }
  | { readonly kind: 'ended'; readonly id: SessionId; readonly reason: EndReason }

const keyOf = (event: Revocation) => event.type === 'SessionEnded' ? `${event.command} ${event.session}` : event.command

type Evolve = (state: SessionState, event: DomainEvent) => SessionState

/** What the index is held against: plain maps, `evolve` for each session, and every list walked to its end. */
export class Model {
  readonly known = new Map<SessionId, Known>()
  /** Ends of ids that never started. */
  readonly unseen = new Map<SessionId, SessionState>()
  readonly counts: number[] = []
  readonly commands: Set<string>[] = []
  readonly pending = new Map<string, Pending>()
  readonly blocked = new Set<SessionId>()
  readonly watched = new Set<SessionId>()
  readonly told: Told[] = []
  readonly dirty = new Set<SessionId>()
  /** Partitions behind whose seal everything is void, and what each says of a copy. */
  readonly sealed = new Set<number>()
  readonly copied: Set<string>[] = []
  readonly toldAt = new Map<string, number>()
  now = 0
  readonly #evolve: Evolve

  constructor(evolveAs: Evolve = evolve) {
    this.#evolve = evolveAs
  }

  apply({ partition, offset, event }: StoredEvent): Outcome {
    while (this.counts.length <= partition) this.counts.push(0)
    if (offset < this.counts[partition]!) return 'ignored'
    this.counts[partition] = offset + 1
    if (this.sealed.has(partition)) return 'ignored'
    return this.#fold(event, partition, offset)
  }

  #fold(event: DomainEvent | Unreadable, partition: number, offset: number): Outcome {
    if (event.type === 'Unreadable') {
      if (event.concerns === 'session') this.#block(event.session)
      return 'ignored'
    }
    if (event.type === 'AnomalyDetected' || event.type === 'NodeAnnounced') return 'applied'
    if (event.type === 'LogSealed') {
      this.sealed.add(partition)
      return 'applied'
    }
    if (event.type === 'LogCopyStarted' || event.type === 'LogCopyFinished') {
      const said = this.copied[partition] ??= new Set()
      const isNew = !said.has(event.type) && !said.has('LogCopyFinished')
      said.add(event.type)
      return isNew ? 'applied' : 'ignored'
    }
    if (event.type === 'SessionStarted') return this.#start(event, partition, offset)
    if (event.type === 'ActivityRecorded') return this.#activity(event, partition)
    if (isWideRevocation(event)) return this.#wide(event, partition)
    const known = this.known.get(event.session)
    let outcome: Outcome = 'ignored'
    if (known !== undefined) outcome = this.#step(known, event)
    else if (!this.unseen.has(event.session)) {
      const state = this.#evolve(initial, event)
      if (state.status === 'ended') {
        this.unseen.set(event.session, state)
        outcome = 'applied'
      }
    }
    if (event.type === 'SessionEnded') this.#resolve(event, partition)
    return outcome
  }

  #start(event: SessionStarted, partition: number, offset: number): Outcome {
    if (this.known.has(event.session) || this.unseen.has(event.session)) return 'ignored'
    const state = this.#evolve(initial, event)
    if (state.status !== 'live') return 'ignored'
    const known: Known = {
      state, last: state, partition, offset, seen: 0, early: undefined, isBlocked: false, hiddenAt: Infinity
    }
    this.known.set(event.session, known)
    // Of several early reasons that of the narrowest is told.
    const order = ['SessionEnded', 'SubjectRevoked', 'TenantRevoked', 'AllRevoked']
    const breadth = ({ event: { type } }: Pending) => Math.min(2, order.indexOf(type))
    const narrowestFirst = [...this.pending.values()].sort((a, b) => breadth(a) - breadth(b))
    for (const { event: early, heardAt, missing } of narrowestFirst) {
      if (this.#concerns(early, known, heardAt, missing)) this.#hideEarly(known, early.reason)
    }
    if (this.blocked.has(event.session)) this.#hide(known, () => { known.isBlocked = true }, 'revoked')
    return 'applied'
  }

  /** Each partition has the batch: it counts where the session stands. */
  #activity(event: ActivityRecorded, partition: number): Outcome {
    let outcome: Outcome = 'ignored'
    for (const id of new Set(event.seen.map(([seen]) => seen))) {
      const known = this.known.get(id)
      if (known?.partition === partition && this.#step(known, event) === 'applied') outcome = 'applied'
    }
    return outcome
  }

  #wide(event: WideRevocation, partition: number): Outcome {
    const commands = this.commands[partition] ??= new Set()
    const isFirst = !commands.has(event.command)
    commands.add(event.command)
    if (isFirst) {
      for (const known of this.known.values()) {
        if (event.type === 'SubjectRevoked' || known.partition === partition) this.#step(known, event)
      }
    }
    this.#resolve(event, partition)
    return isFirst ? 'applied' : 'ignored'
  }

  #step(known: Known, event: DomainEvent): Outcome {
    const after = this.#evolve(known.state, event)
    if (after === known.state) return 'ignored'
    if (after.status === 'ended') this.#hide(known, () => { known.state = after }, after.reason)
    else {
      known.state = after
      if (after.status === 'live') {
        const isVoid = event.type === 'AttributesChanged' && after.version === known.last.version
        known.last = after
        if (isVoid) return 'ignored'
      }
    }
    return 'applied'
  }

  #hide(known: Known, change: () => void, reason: EndReason): void {
    const wasVisible = this.isVisible(known)
    change()
    if (!wasVisible) return
    known.hiddenAt = this.now
    if (this.watched.delete(known.last.id)) this.told.push({ kind: 'ended', id: known.last.id, reason })
  }

  #hideEarly(known: Known, reason: EndReason): boolean {
    const wasVisible = this.isVisible(known)
    if (known.state.status === 'live') this.#hide(known, () => { known.early ??= reason }, reason)
    return wasVisible
  }

  #block(id: SessionId): void {
    this.blocked.add(id)
    const known = this.known.get(id)
    if (known !== undefined) this.#hide(known, () => { known.isBlocked = true }, 'revoked')
  }

  #resolve(event: Revocation, partition: number): void {
    const entry = this.pending.get(keyOf(event))
    if (entry === undefined) return
    entry.missing.delete(partition)
    if (entry.missing.size === 0) this.pending.delete(keyOf(event))
  }

  #concerns(
    event: Revocation, { partition, offset, last }: Known, heardAt: Position, missing: ReadonlySet<number>
  ): boolean {
    if (event.type === 'SessionEnded') return event.session === last.id
    if (!includes(heardAt, partition, offset)) return false
    if (event.type !== 'SubjectRevoked' && !missing.has(partition)) return false
    return revokes(event, last.id, last.subject, last.tenant, last.startedAt)
  }

  applyEarly(event: Revocation, heardAt: Position): number {
    const missing = new Set<number>()
    if (event.type === 'SessionEnded') {
      if (event.reason === 'idle' || event.reason === 'absolute') return 0
      if (this.unseen.has(event.session) || this.known.get(event.session)?.state.status === 'ended') return 0
    } else {
      const folded = this.commands.some((commands) => commands?.has(event.command))
      if (event.type === 'SubjectRevoked') {
        if (folded) return 0
      } else {
        heardAt.forEach((count, i) => { if (count > 0 && !this.commands[i]?.has(event.command)) missing.add(i) })
        if (folded && missing.size === 0) return 0
      }
    }
    if (!this.pending.has(keyOf(event))) this.pending.set(keyOf(event), { event, heardAt, missing: new Set(missing) })
    let ended = 0
    for (const known of this.known.values()) {
      if (known.state.status === 'live' && this.#concerns(event, known, heardAt, missing)
        && this.#hideEarly(known, event.reason)) ended++
    }
    return ended
  }

  isVisible(known: Known): boolean {
    return known.state.status === 'live' && known.early === undefined && !known.isBlocked
  }

  seenAt(known: Known): number {
    return Math.max(known.last.lastSeenAt, known.seen)
  }

  isBeingCopied(): boolean {
    return this.copied.some((said) => said?.has('LogCopyStarted') && !said.has('LogCopyFinished'))
  }

  state(id: SessionId): SessionState {
    const known = this.known.get(id)
    if (known === undefined) return this.unseen.get(id) ?? initial
    if (known.state.status === 'ended') return known.state
    if (known.early !== undefined) return { status: 'ended', id, reason: known.early }
    if (known.isBlocked) return { status: 'ended', id, reason: 'revoked' }
    return { ...known.last, lastSeenAt: this.seenAt(known) }
  }

  /** What `check` must answer, and its consequences. */
  check(digest: Digest, now: number, touch: boolean): { reason: Refusal } | { session: LiveSession; renew: boolean } {
    const known = this.owner(digest)
    if (known === undefined) return { reason: 'unknown' }
    const { last } = known
    if (!this.isVisible(known)) return { reason: 'ended' }
    if (now >= absoluteDeadline(last)) return { reason: 'absolute' }
    if (now - this.seenAt(known) >= last.limits.idle) return { reason: 'idle' }
    const isCurrent = last.current.digest === digest
    const previous = last.previous.find((token) => token.digest === digest)
    if (!isCurrent && last.pending?.digest !== digest && now >= previous!.goodUntil) {
      this.told.push({ kind: 'reuse', id: last.id })
      return { reason: 'superseded' }
    }
    if (touch && now > this.seenAt(known)) {
      if ((now - this.seenAt(known)) * 2 > last.limits.idle) this.told.push({ kind: 'return', id: last.id })
      known.seen = now
      this.dirty.add(last.id)
    }
    if (isCurrent) {
      const { renew } = last.limits
      return {
        session: last,
        renew: renew !== null && now >= Math.ceil((last.current.issuedAt + renew) / 1_000) * 1_000
      }
    }
    const token = confirmable(last, digest, now)
    if (token !== undefined) this.#present(last.id, token.digest, now)
    return {
      session: { ...last, current: { ...last.current, authentication: (token ?? previous!).authentication } },
      renew: false
    }
  }

  #present(id: SessionId, digest: Digest, now: number): void {
    const before = this.toldAt.get(digest)
    if (before !== undefined && now - before < 10_000) return
    this.toldAt.set(digest, now)
    this.told.push({ kind: 'presented', id, digest })
  }

  owner(digest: Digest): Known | undefined {
    for (const known of this.known.values()) {
      const { current, pending, previous } = known.last
      const digests = [current.digest, pending?.digest, ...previous.map((token) => token.digest)]
      if (digests.includes(digest)) return known
    }
    return undefined
  }

  takeActivity(): [SessionId, number][] {
    const seen: [SessionId, number][] = []
    for (const id of this.dirty) {
      const known = this.known.get(id)!
      if (this.isVisible(known) && known.seen > known.last.lastSeenAt) seen.push([id, known.seen])
    }
    this.dirty.clear()
    return seen
  }

  visible(): Known[] {
    return [...this.known.values()].filter((known) => this.isVisible(known))
  }
}
