import fc from 'fast-check'
import { expect } from 'vitest'
import type { Authentication, DomainEvent, EndReason, Revocation } from '../../core/domain/events.ts'
import type { CommandId, Digest, SessionId } from '../../core/domain/ids.ts'
import { absoluteDeadline, type LiveSession } from '../../core/domain/session.ts'
import type { Token } from '../../core/domain/token.ts'
import { position, type Position } from '../../core/log/position.ts'
import type { Unreadable } from '../../core/log/codec.ts'
import type { StoredEvent } from '../../core/log/port.ts'
import type { SessionIndex } from '../../core/store/ports.ts'
import { makeIndex, type IndexOptions } from '../../projections/validity/validity.ts'
import { Model, type Known, type Told } from './model.ts'
import { digestOf, idAt, tokens } from './tokens.ts'

export const startOfTime = 1_750_000_000_000
const subjects = ['anna', 'ben', 'ч\ud800', 'zoë'] as const
const tenants = ['north', 'south'] as const
const limits = [
  { idle: 5_000, absolute: 60_000, renew: 3_000 },
  { idle: 60_000, absolute: 3_600_000, renew: null },
  { idle: 1_000, absolute: 1_000, renew: 20_000 }
] as const
const reasons: readonly EndReason[] = [
  'logout', 'revoked', 'idle', 'absolute', 'superseded', 'token-reuse', 'evicted', 'migrated'
]

/** One step of a history. Numbers choose among what there is when the step is taken. */
export type Op =
  | { readonly op: 'start'; readonly a: number; readonly b: number; readonly c: number }
  | { readonly op: 'session'; readonly kind: number; readonly a: number; readonly b: number }
  | { readonly op: 'wide'; readonly kind: number; readonly a: number; readonly b: number; readonly isEarly: boolean }
  | { readonly op: 'endEarly'; readonly a: number; readonly b: number }
  | {
    readonly op: 'land' | 'repeat' | 'replay' | 'check' | 'take' | 'watch' | 'unreadable' | 'find'
    readonly a: number
    readonly b: number
  }
  | { readonly op: 'time'; readonly ms: number }
  | { readonly op: 'sweep'; readonly a: number }

const n = fc.nat({ max: 1_000 })
const ms = fc.constantFrom(1, 400, 999, 1_000, 2_600, 5_000, 60_000, 700_000)
export const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ op: fc.constant('start'), a: n, b: n, c: n }) },
  { weight: 10, arbitrary: fc.record({ op: fc.constant('session'), kind: n, a: n, b: n }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('wide'), kind: n, a: n, b: n, isEarly: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('endEarly'), a: n, b: n }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('land'), a: n, b: n }) },
  { weight: 12, arbitrary: fc.record({ op: fc.constant('check'), a: n, b: n }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('repeat', 'replay', 'take', 'watch', 'find'), a: n, b: n }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('unreadable'), a: n, b: n }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('time'), ms }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('sweep'), a: n }) }
) as fc.Arbitrary<Op>

const pick = <A>(list: readonly A[], at: number): A | undefined => list[at % list.length]

/** Plays a history on an index and on the model, and compares what both answer after every step. */
export class Driver {
  readonly index: SessionIndex
  readonly model: Model
  readonly told: Told[] = []
  readonly records: StoredEvent[] = []
  readonly ids: SessionId[] = []
  readonly #tokenOf = new Map<Digest, Token>()
  readonly #partitions: number
  readonly #offsets: number[]
  #nextToken = 0
  #command = 0
  now = startOfTime
  #sweptTo = 0

  constructor(
    options: Omit<Partial<IndexOptions>, 'events'> & { readonly partitions?: number } = {}, model = new Model()
  ) {
    const { partitions = 1, ...rest } = options
    this.#partitions = partitions
    this.#offsets = Array.from({ length: partitions }, () => 0)
    this.model = model
    this.index = makeIndex({
      initialCapacity: 4, blobSegmentBytes: 1_024, settleMin: 1, growSteps: 3, ...rest,
      events: {
        onPendingPresented: (id, digest) => { this.told.push({ kind: 'presented', id, digest }) },
        onReuse: (id) => { this.told.push({ kind: 'reuse', id }) },
        onEnded: (id, reason) => { this.told.push({ kind: 'ended', id, reason }) },
        onReturn: (id) => { this.told.push({ kind: 'return', id }) }
      }
    })
  }

  /** Compares everything after every `every` steps: looking settles what is still to be settled. */
  play(ops: readonly Op[], every = 1): void {
    ops.forEach((step, i) => {
      this.model.now = this.now
      this.#step(step)
      if (i % every === every - 1) this.compare()
    })
  }

  /** All early revocations come to stand in the log. */
  settle(): void {
    for (let i = 0; this.index.pendingEarly().size > 0; i++) {
      expect(i, 'early revocations that never settle').toBeLessThan(10_000)
      for (const event of this.index.pendingEarly().values()) this.#land(event)
    }
  }

  #envelope() {
    return { v: 1, at: this.now, by: 'node', command: `c${this.#command++}` as CommandId } as const
  }

  #of(session: LiveSession) {
    return { session: session.id, subject: session.subject, tenant: session.tenant }
  }

  #token(): Digest {
    const token = tokens()[this.#nextToken++]!
    const digest = digestOf(token)
    this.#tokenOf.set(digest, token)
    return digest
  }

  /** A subject's events are in one partition. */
  #partitionOf(subject: string | null, id: SessionId): number {
    const text = subject ?? id
    return (text.charCodeAt(text.length - 1) + text.length) % this.#partitions
  }

  append(event: DomainEvent | Unreadable, partition: number): void {
    // Offsets may leave gaps.
    const offset = this.#offsets[partition]!
    this.#offsets[partition] = offset + (offset % 3 === 0 ? 2 : 1)
    this.#apply({ partition, offset, event })
    this.records.push({ partition, offset, event })
  }

  #apply(record: StoredEvent): void {
    const wanted = this.model.apply(record)
    expect(this.index.apply(record), `outcome of ${record.event.type}`).toBe(wanted)
  }

  #everywhere(event: DomainEvent): void {
    for (let partition = 0; partition < this.#partitions; partition++) this.append(event, partition)
  }

  #land(event: Revocation): void {
    if (event.type === 'SessionEnded') this.append(event, this.#partitionOf(event.subject, event.session))
    else if (event.type === 'SubjectRevoked') this.append(event, this.#partitionOf(event.subject, '' as SessionId))
    else this.#everywhere(event)
  }

  #step(step: Op): void {
    switch (step.op) {
      case 'start': return this.#start(step.a, step.b, step.c)
      case 'session': return this.#session(step.kind, step.a, step.b)
      case 'wide': return this.#wide(step.kind, step.a, step.b, step.isEarly)
      case 'endEarly': return this.#endEarly(step.a, step.b)
      case 'land': {
        const event = pick([...this.index.pendingEarly().values()], step.a)
        if (event === undefined) return
        // Its writer may have died between two partitions.
        if (step.b % 2 === 0 && (event.type === 'TenantRevoked' || event.type === 'AllRevoked')) {
          return this.append(event, step.a % this.#partitions)
        }
        return this.#land(event)
      }
      case 'repeat': {
        const record = pick(this.records, step.a)
        if (record !== undefined && !this.#isForgotten(record)) this.append(record.event, record.partition)
        return
      }
      case 'replay': {
        const record = pick(this.records, step.a)
        if (record !== undefined) this.#apply(record)
        return
      }
      case 'check': return this.#check(step.a, step.b)
      case 'find': return this.#find(step.a)
      case 'take': {
        const wanted = this.model.takeActivity()
        const taken = [...this.index.takeActivity(2), ...this.index.takeActivity(10_000)]
        expect([...taken].sort()).toEqual(wanted.sort())
        if (taken.length > 0 && step.a % 2 === 0) {
          const seen = taken.map(([id, at]) => [id, at] as const)
          this.#everywhere({ type: 'ActivityRecorded', ...this.#envelope(), seen })
        }
        return
      }
      case 'watch': {
        const id = pick(this.ids, step.a)
        if (id === undefined) return
        const known = this.model.known.get(id)
        if (known === undefined || !this.model.isVisible(known)) return
        this.index.watch(id, step.b % 3 !== 0)
        if (step.b % 3 !== 0) this.model.watched.add(id)
        else this.model.watched.delete(id)
        return
      }
      case 'unreadable': {
        const id = step.b % 4 === 0 ? idAt(this.ids.length) : pick(this.ids, step.a)
        if (id === undefined || this.#isReclaimed(id)) return
        return this.append({ type: 'Unreadable', concerns: 'session', session: id, detail: 'newer' }, 0)
      }
      case 'time':
        this.now += step.ms
        return
      case 'sweep': return this.#sweep(1 + step.a % 40)
    }
  }

  #start(a: number, b: number, c: number): void {
    const id = idAt(this.ids.length)
    this.ids.push(id)
    const subject = a % 5 === 4 ? null : subjects[a % 5]!
    const methods = b % 3 === 0 ? [] : ['otp']
    const authentication: Authentication = { level: `aal${1 + b % 2}`, methods, at: this.now - b % 2 }
    this.append({
      type: 'SessionStarted', ...this.#envelope(), session: id, subject,
      at: this.now - (b % 5 === 0 ? 500 : 0),
      tenant: c % 3 === 2 ? null : tenants[c % 3]!, digest: this.#token(), limits: limits[c % 7 === 0 ? 2 : c % 2]!,
      authentication, device: b % 4 === 0 ? { label: 'phone' } : null,
      attributes: c % 4 === 0 ? { cart: [1, 'ü', null], deep: { a: b } } : {},
      continues: a % 7 === 0 ? idAt(100_000 + a) : null
    }, this.#partitionOf(subject, id))
  }

  #session(kind: number, a: number, b: number): void {
    const known = pick([...this.model.known.values()], a)
    if (known === undefined) return
    const { last } = known
    if (this.#isReclaimed(last.id)) return
    const common = { ...this.#envelope(), ...this.#of(last) }
    const expects = b % 5 === 0 ? last.version + 1 : last.version
    const graceMs = b % 3 === 0 ? 0 : 4_000
    const { partition } = known
    switch (kind % 7) {
      case 0:
        return this.append({ type: 'TokenRotated', ...common, expects, digest: this.#token(), graceMs }, partition)
      case 1: {
        const authentication = { level: 'aal3', methods: ['key'], at: this.now }
        return this.append({
          type: 'Reauthenticated', ...common, expects, digest: this.#token(), graceMs, authentication
        }, partition)
      }
      case 2:
      case 3: {
        const digests = [last.pending?.digest, ...last.previous.map((token) => token.digest), last.current.digest]
          .filter((digest) => digest !== undefined)
        const digest = pick(digests, b % 3 === 0 ? b : 0)!
        return this.append({ type: 'TokenConfirmed', ...common, digest }, partition)
      }
      case 4:
        return this.append({
          type: 'AttributesChanged', ...common,
          patch: b % 4 === 0 ? { cart: null } : { n: b, text: 'x'.repeat(b % 90) },
          ...(b % 3 === 0 ? { expects } : {})
        }, partition)
      case 5:
        return this.#everywhere({
          type: 'ActivityRecorded', ...this.#envelope(),
          seen: [[last.id, this.now - b % 700], [idAt(90_000), this.now], [last.id, this.now + 200 - b % 300]]
        })
      case 6:
        return this.append({ type: 'SessionEnded', ...common, reason: pick(reasons, b)! }, partition)
    }
  }

  #revocation(kind: number, a: number, b: number): Exclude<Revocation, { type: 'SessionEnded' }> {
    const before = b % 3 === 0 ? this.now - b % 2_000 : null
    const common = { ...this.#envelope(), before, reason: pick(reasons, b)! }
    switch (kind % 4) {
      case 0:
      case 1:
        return {
          type: 'SubjectRevoked', ...common, subject: pick(subjects, a)!,
          except: b % 2 === 0 && this.ids.length > 0 ? [pick(this.ids, b)!] : []
        }
      case 2:
        return { type: 'TenantRevoked', ...common, tenant: pick(tenants, a)! }
      default:
        return { type: 'AllRevoked', ...common }
    }
  }

  /** Of another node: it may be ahead of this one, or behind. */
  #heardAt(b: number): Position {
    const apart = (i: number) => (b >>> i) % 7 === 0 ? 3 : (b >>> i) % 5 === 0 ? -3 : 0
    return position(this.#offsets.map((count, i) => Math.max(0, count + apart(i))))
  }

  #wide(kind: number, a: number, b: number, isEarly: boolean): void {
    const event = this.#revocation(kind, a, b)
    if (!isEarly) return this.#land(event)
    const heardAt = this.#heardAt(a)
    this.#applyEarly(event, heardAt)
    if (b % 4 === 0) this.#applyEarly(event, heardAt)
    if (b % 4 === 1) this.#land(event)
    if (b % 8 === 1) this.#applyEarly(event, heardAt)
  }

  #applyEarly(event: Revocation, heardAt: Position): void {
    const wanted = this.model.applyEarly(event, heardAt)
    expect(this.index.applyEarly(event, heardAt), `ended early by ${event.type}`).toBe(wanted)
  }

  #endEarly(a: number, b: number): void {
    // Some of the ids start only later.
    const isLater = b % 3 === 0
    const id = isLater ? idAt(this.ids.length + b % 2) : pick(this.ids, a)
    if (id === undefined || this.#isReclaimed(id)) return
    const known = this.model.known.get(id)
    const event: Revocation = {
      type: 'SessionEnded', ...this.#envelope(), session: id, subject: known?.last.subject ?? null,
      tenant: known?.last.tenant ?? null, reason: pick(reasons, b)!
    }
    this.#applyEarly(event, this.#heardAt(a))
    // An end in the log of what has not started makes it ended for good: only the record of a start is left out then.
    if (b % 5 === 0) this.#land(event)
  }

  #check(a: number, b: number): void {
    const digest = pick([...this.#tokenOf.keys()], a)
    if (digest === undefined) return
    const token = this.#tokenOf.get(digest)!
    const touch = b % 3 !== 0
    if (b % 2 === 0) this.#peek(digest, token)
    const wanted = this.model.check(digest, this.now, touch)
    const verdict = this.index.check(token, this.now, touch)
    if ('reason' in wanted) {
      const known = this.model.owner(digest)
      const isGone = known !== undefined && this.#mayBeReclaimed(known)
      const reason = verdict.ok ? 'ok' : verdict.reason
      if (wanted.reason === 'ended' && isGone) return expect(['ended', 'unknown', 'absolute']).toContain(reason)
      return expect(reason).toBe(wanted.reason)
    }
    expect(verdict.ok, JSON.stringify(verdict)).toBe(true)
    if (!verdict.ok) return
    expect(verdict.renew ?? false).toBe(wanted.renew)
    this.#expectView(verdict.session, wanted.session)
  }

  #peek(digest: Digest, token: Token): void {
    const known = this.model.owner(digest)
    const seen = this.index.peek(token, this.now)
    const previous = known?.last.previous.find((other) => other.digest === digest)
    const isValid = known !== undefined && this.#isValid(known)
      && (known.last.current.digest === digest || previous === undefined || known.last.pending?.digest === digest
        || this.now < previous.goodUntil)
    expect(seen !== undefined).toBe(isValid)
  }

  #expectView(view: { readonly id: SessionId }, session: LiveSession): void {
    const known = this.model.known.get(session.id)!
    const lastSeenAt = this.model.seenAt(known)
    expect(JSON.parse(JSON.stringify(view))).toEqual({
      id: session.id, subject: session.subject, tenant: session.tenant, version: session.version,
      startedAt: session.startedAt, lastSeenAt,
      expiresAt: Math.min(lastSeenAt + session.limits.idle, absoluteDeadline(session)),
      authentication: session.current.authentication, device: session.device, attributes: session.attributes
    })
  }

  #find(a: number): void {
    const digest = pick([...this.#tokenOf.keys()], a)
    if (digest === undefined) return
    const known = this.model.owner(digest)
    const found = this.index.find(digest)
    const owner = this.index.sessionOf(digest)
    if (known === undefined || !this.#mayBeReclaimed(known)) expect(owner).toBe(known?.last.id)
    if (known === undefined || !this.model.isVisible(known)) return expect(found).toBeUndefined()
    const { last } = known
    const session = { ...last, lastSeenAt: this.model.seenAt(known) }
    if (last.current.digest === digest) {
      return expect(found).toEqual({ kind: 'current', confirmable: false, goodUntil: Infinity, session })
    }
    if (last.pending?.digest === digest) {
      return expect(found).toEqual({ kind: 'pending', confirmable: true, goodUntil: Infinity, session })
    }
    const { confirmable, goodUntil } = last.previous.find((token) => token.digest === digest)!
    expect(found).toEqual({ kind: 'previous', confirmable, goodUntil, session })
  }

  #sweep(most: number): void {
    const expired = new Map<SessionId, string>()
    let wrapped = false
    for (let i = 0; !wrapped; i++) {
      expect(i, 'a sweep that never comes round').toBeLessThan(10_000)
      const step = this.index.sweep(this.now, most)
      for (const { session, reason } of step.expired) {
        const known = this.model.known.get(session.id)!
        expect(session).toEqual({ ...known.last, lastSeenAt: this.model.seenAt(known) })
        expired.set(session.id, reason)
      }
      wrapped = step.wrapped
    }
    this.#sweptTo = this.now
    if (!this.#isRoundWhole) {
      this.#isRoundWhole = true
      return
    }
    const wanted = this.model.visible().flatMap((known) => this.now >= absoluteDeadline(known.last)
      ? [[known.last.id, 'absolute']] : this.#isValid(known) ? [] : [[known.last.id, 'idle']])
    expect([...expired].sort()).toEqual(wanted.sort())
  }
  /** Rounds of this driver begin where the last one ended. */
  #isRoundWhole = true

  #isValid(known: Known): boolean {
    return this.model.isVisible(known) && this.now < absoluteDeadline(known.last)
      && this.now - this.model.seenAt(known) < known.last.limits.idle
  }

  #mayBeReclaimed(known: Known): boolean {
    if (this.model.isVisible(known)) return false
    return this.#sweptTo >= absoluteDeadline(known.last) || this.#sweptTo >= known.hiddenAt + 600_000
  }

  #isReclaimed(id: SessionId): boolean {
    const known = this.model.known.get(id)
    return known !== undefined && this.#mayBeReclaimed(known)
  }

  /** So long after its end that the index may have forgotten the id. */
  #isForgotten({ event }: StoredEvent): boolean {
    if (event.type === 'Unreadable') return true
    const id = 'session' in event ? event.session : null
    const known = id === null ? undefined : this.model.known.get(id)
    return known !== undefined && this.#isForgettable(known)
  }

  #isForgettable(known: Known): boolean {
    return this.#mayBeReclaimed(known) && this.#sweptTo >= absoluteDeadline(known.last) + 3_600_000
  }

  /** What is refused for an early revocation is still to be ended by the log. */
  #compareEndable(id: SessionId, known: Known | undefined): void {
    const endable = this.index.endable(id)
    if (known === undefined) return expect(endable).toBe(this.model.unseen.has(id) ? 'ended' : undefined)
    const { status } = known.state
    if (status === 'live') {
      if (!this.#mayBeReclaimed(known)) expect(endable).toEqual(this.#of(known.last))
    } else if (endable !== undefined || !this.#isForgettable(known)) {
      expect(endable).toBe('ended')
    }
  }

  compare(): void {
    const { index, model } = this
    // First of all: looking further settles what is still to be settled, and whoever watches is not to wait for that.
    expect(this.told).toEqual(this.told.length === model.told.length ? this.#inAnyOrder(model.told) : model.told)
    for (const id of [...this.ids, ...model.unseen.keys()]) {
      const wanted = model.state(id)
      const known = model.known.get(id)
      this.#compareEndable(id, known)
      if (known !== undefined && this.#mayBeReclaimed(known)) {
        // Once it is forgotten, and that is after its deadline, none is as good an answer.
        const got = index.state(id)
        const forgottenAt = absoluteDeadline(known.last) + 3_600_000
        if (got.status === 'none') expect(this.#sweptTo).toBeGreaterThanOrEqual(forgottenAt)
        else expect(got).toEqual(wanted)
        continue
      }
      expect(index.state(id)).toEqual(wanted)
      expect(index.get(id, this.now) !== undefined).toBe(known !== undefined && this.#isValid(known))
    }
    const shortest = Math.min(...[...model.known.values()].map(({ last }) => last.limits.idle))
    expect(index.shortestIdleMs()).toBe(shortest)
    const wanted = model.visible()
    for (const subject of subjects) {
      const mine = wanted.filter((known) => known.last.subject === subject)
      const valid = mine.filter((known) => this.#isValid(known)).map((known) => known.last.id)
      expect(index.standing(subject, this.now).map((session) => session.id)).toEqual(valid)
      expect(index.listBySubject(subject, this.now).map((session) => session.id)).toEqual(valid.reverse())
      expect(index.count({ subject })).toBe(mine.length)
    }
    for (const tenant of tenants) {
      const mine = wanted.filter((known) => known.last.tenant === tenant)
      const valid = mine.filter((known) => this.#isValid(known)).map((known) => known.last.id)
      expect(index.listByTenant(tenant, this.now).map((session) => session.id)).toEqual(valid.reverse())
      expect(index.count({ tenant })).toBe(mine.length)
    }
    expect(index.count('all')).toBe(wanted.length)
    expect(index.size().live).toBe(wanted.length)
    const pending = [...model.pending.values()].map(({ event }) => event.command)
    expect(new Set(index.pendingEarly().keys())).toEqual(new Set(pending))
    expect([...index.position()]).toEqual(model.counts)
    expect(index.distrust().length > 0).toBe(model.isBeingCopied())
    expect([...index.move().sealedAt.keys()].toSorted()).toEqual([...model.sealed].toSorted())
  }

  /** Sessions that end together are told in any order. */
  #inAnyOrder(told: readonly Told[]): readonly Told[] {
    const left = [...told]
    return this.told.map((one) => {
      const at = left.findIndex((other) => JSON.stringify(other) === JSON.stringify(one))
      return at < 0 ? left[0]! : left.splice(at, 1)[0]!
    })
  }
}
