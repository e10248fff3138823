import * as fc from 'fast-check'
import { expect } from 'vitest'
import { attributesLengthMax } from '../../../core/domain/attributes.ts'
import type { Standing } from '../../../core/domain/commands.ts'
import type { Attributes, Authentication, DomainEvent, SessionStarted } from '../../../core/domain/events.ts'
import type { SessionId } from '../../../core/domain/ids.ts'
import {
  absoluteDeadline, idleDeadline, initial, patchesMax, previousTokensMax, type SessionState
} from '../../../core/domain/session.ts'
import { ClientWorld, flightMs, moves } from './client-world.ts'
import { Cluster, View } from './cluster.ts'
import { histories, isLong, logs, type Watch } from './deeds.ts'
import { isOnce, type PlainSession } from './model.ts'
import {
  changed, digest, type Domain, fold, grace, hour, isGood, live, minute, sessionId, start, started, t0, writer
} from './story.ts'

/** The tokens that a node may accept at a moment, with what they were given. */
const goodAt = (state: SessionState, at: number): ReadonlyMap<string, Authentication> => {
  if (state.status !== 'live' || at >= absoluteDeadline(state) || at >= idleDeadline(state)) return new Map()
  const tokens = [state.current, ...(state.pending === null ? [] : [state.pending]),
    ...state.previous.filter(({ goodUntil }) => at < goodUntil)]
  return new Map(tokens.map(({ digest: one, authentication }) => [one, authentication]))
}

/** The moments at which something may change, and one ms before each. */
const moments = (plain: PlainSession): readonly number[] => {
  if (plain.start === null) return [t0]
  const { at, limits } = plain.start
  const turns = [at, at + limits.absolute, plain.lastSeen, plain.lastSeen + limits.idle,
    ...plain.tokens.map(({ goodUntil }) => goodUntil)]
  return turns.filter(Number.isFinite).flatMap((turn) => [turn - 1, turn])
}

/** Compared as text first: most are the same, and that is quick. */
const same = (one: unknown, other: unknown): void => {
  if (JSON.stringify(one) !== JSON.stringify(other)) expect(one).toEqual(other)
}
const inOrder = (good: ReadonlyMap<string, Authentication>) => [...good].sort(([one], [other]) => one < other ? -1 : 1)

const agree = (state: SessionState, plain: PlainSession): void => {
  if (plain.endedFor !== null) return expect(state).toMatchObject({ status: 'ended', reason: plain.endedFor })
  if (plain.start === null) return expect(state).toBe(initial)
  expect(state.status).toBe('live')
  const { version, lastSeenAt, startedAt, attributes, current, pending } = live(state)
  same(
    [version, lastSeenAt, startedAt, attributes, current.digest, pending?.digest],
    [plain.version, plain.lastSeen, plain.start.at, plain.attributes, plain.at('current')?.digest,
      plain.at('pending')?.digest])
  for (const at of moments(plain)) same(inOrder(goodAt(state, at)), inOrder(plain.good(at)))
}

/** Where the session starts in the log. */
const startOf = (log: readonly DomainEvent[], id: SessionId) => {
  const first = log.findIndex((event) => event.type === 'SessionStarted' && event.session === id)
  return { first, start: log[first] as SessionStarted | undefined }
}
const seenIn = (event: DomainEvent, id: SessionId): number =>
  event.type === 'ActivityRecorded'
    ? Math.max(0, ...event.seen.filter(([one]) => one === id).map(([, at]) => Math.min(at, event.at)))
    : 0

const watchModel = (): Watch => {
  let length = 0
  return (cluster, model) => {
    if (cluster.log.length === length) return
    length = cluster.log.length
    for (const id of cluster.ids) {
      const plain = model.log.sessions.get(id)
      if (plain === undefined) expect(cluster.head.state(id)).toBe(initial)
      else agree(cluster.head.state(id), plain)
    }
  }
}

/** What the log says once, from which no later event saves a session. */
const endsSurely = (event: DomainEvent, id: SessionId, start: SessionStarted): boolean => {
  const isOld = 'before' in event && (event.before === null || start.at < event.before)
  switch (event.type) {
    case 'SessionEnded':
      return event.session === id && event.reason !== 'idle' && event.reason !== 'absolute'
    case 'SubjectRevoked':
      return isOld && event.subject === start.subject && !event.except.includes(id)
    case 'TenantRevoked':
      return isOld && event.tenant === start.tenant
    case 'AllRevoked':
      return isOld
    default:
      return false
  }
}

const watchEnds = (): Watch => {
  const over = new Map<SessionId, string>()
  return (cluster) => {
    for (const id of cluster.ids) {
      const { first, start: begun } = startOf(cluster.log, id)
      const state = cluster.head.state(id)
      const heard = new Set(cluster.log.slice(0, first).map((event) => event.command))
      const ends = begun !== undefined && cluster.log.slice(first + 1)
        .some((event) => endsSurely(event, id, begun) && !(isOnce(event) && heard.has(event.command)))
      if (ends) expect(state.status).toBe('ended')
      if (over.has(id)) expect(state).toMatchObject({ status: 'ended', reason: over.get(id) })
      if (state.status === 'ended') over.set(id, state.reason)
      for (const { view } of cluster.nodes) if (view.length === cluster.log.length) same(view.state(id), state)
    }
  }
}

const watchLimits = (): Watch => (cluster) => {
  for (const id of cluster.ids) {
    const state = cluster.head.state(id)
    const { first, start: begun } = startOf(cluster.log, id)
    if (begun === undefined) continue
    const { idle, absolute } = begun.limits
    if (state.status === 'live') {
      expect(absoluteDeadline(state)).toBe(begun.at + absolute)
      const told = cluster.log.slice(first).map((event) =>
        event.type === 'TokenConfirmed' && event.session === id ? event.at : seenIn(event, id))
      expect(idleDeadline(state)).toBeLessThanOrEqual(Math.max(begun.at, ...told) + idle)
      const seen = cluster.log.slice(first).map((event) => seenIn(event, id))
      expect(idleDeadline(state)).toBeGreaterThanOrEqual(Math.max(begun.at, ...seen) + idle)
      expect(goodAt(state, begun.at + absolute).size).toBe(0)
      expect(goodAt(state, Math.max(begun.at, ...told) + idle).size).toBe(0)
    }
    if (state.status === 'ended' && (state.reason === 'idle' || state.reason === 'absolute')) {
      const { reason } = state
      const seenBefore = (i: number) =>
        Math.max(begun.at, ...cluster.log.slice(first, i).map((event) => seenIn(event, id)))
      const isDue = (event: DomainEvent, i: number) => i < first
        || event.at >= (reason === 'absolute' ? begun.at + absolute : seenBefore(i) + idle)
      expect(cluster.log.some((event, i) => event.type === 'SessionEnded' && event.session === id
        && event.reason === reason && isDue(event, i))).toBe(true)
    }
  }
}

const watchTokens = (): Watch => {
  const given = new Map<string, Authentication>()
  const until = new Map<string, number>()
  const currents = new Map<SessionId, Authentication>()
  const wasCurrent = new Set<string>()
  return (cluster) => {
    const latest = Math.max(...cluster.log.map(({ at }) => at))
    for (const id of cluster.ids) {
      const state = cluster.head.state(id)
      if (state.status !== 'live') continue
      const { current, pending, previous } = state
      const tokens = [current, ...(pending === null ? [] : [pending]), ...previous]
      expect(new Set(tokens.map((token) => token.digest)).size).toBe(tokens.length)
      expect(previous.length).toBeLessThanOrEqual(previousTokensMax)
      for (const token of tokens) {
        const known = given.get(token.digest)
        if (known === undefined) {
          const issued = cluster.log.find((event) => 'digest' in event && event.digest === token.digest)
          if (issued !== undefined && 'authentication' in issued) same(token.authentication, issued.authentication)
          // A rotation passes on what the token had that was current then.
          else same(token.authentication, currents.get(id))
          given.set(token.digest, token.authentication)
        } else {
          same(token.authentication, known)
        }
      }
      for (const { digest: one, goodUntil } of previous) {
        expect(goodUntil).toBeLessThanOrEqual(latest + grace)
        if (!wasCurrent.has(one)) continue
        expect(goodUntil).toBeLessThanOrEqual(until.get(one) ?? Infinity)
        until.set(one, goodUntil)
      }
      // Its place is taken, once and for all.
      for (const token of [current, pending]) expect(until.has(token?.digest ?? '')).toBe(false)
      currents.set(id, current.authentication)
      wasCurrent.add(current.digest)
    }
  }
}

const foldOf = (domain: Domain, log: readonly DomainEvent[]): View => {
  const view = new View(domain)
  view.read(log)
  return view
}

/** The states in words that can be kept: what is not in the text is lost between two batches. */
const kept = (view: View): string => JSON.stringify([...view.sessions])

/**
 * A record may stand again anywhere behind its first place, but for a patch that expects no version: it is known again
 * as long as not too many others of its session stand between. And what was void for want of room is left out: see
 * gaps.test.ts.
 */
const lastPlace = (log: readonly DomainEvent[], first: number): number => {
  const event = log[first]!
  if (event.type !== 'AttributesChanged' || event.expects !== undefined) return log.length
  let between = 0
  for (let i = first + 1; i < log.length; i++) {
    const other = log[i]!
    if (other.type === 'AttributesChanged' && other.session === event.session && ++between === patchesMax) return i
  }
  return log.length
}

const splits = (domain: Domain) => fc.property(logs, fc.infiniteStream(fc.nat({ max: 7 })),
  fc.infiniteStream(fc.nat()), (log, lengths, places) => {
  const whole = foldOf(domain, log)
  const repeated = [...log]
  for (const event of log.filter((one, i) => i % 3 === 0 && !isLong(one))) {
    const first = repeated.indexOf(event)
    const last = lastPlace(repeated, first)
    repeated.splice(first + 1 + Number(places.next().value) % (last - first), 0, structuredClone(event))
  }
  expect(kept(foldOf(domain, repeated))).toBe(kept(whole))
  const view = new View(domain)
  while (view.length < repeated.length) {
    view.read(repeated, Math.min(repeated.length, view.length + 1 + Number(lengths.next().value)))
    for (const [id, state] of view.sessions) view.sessions.set(id, JSON.parse(JSON.stringify(state)) as SessionState)
  }
  expect(kept(view)).toBe(kept(whole))
})

/** Sessions do not matter to each other: whoever leaves one's events out folds the others to the same. */
const apart = (domain: Domain) => fc.property(logs, fc.nat({ max: 5 }), (log, n) => {
  const id = sessionId(n + 1)
  const others = log.filter((event) => !('session' in event) || event.session !== id)
  const [whole, part] = [foldOf(domain, log), foldOf(domain, others)]
  for (const [other, state] of part.sessions) expect(whole.state(other)).toEqual(state)
})

const guarded = (domain: Domain) => fc.property(
  logs, fc.array(fc.constantFrom('rotate', 'step up', 'change'), { minLength: 2, maxLength: 6 }), fc.nat(),
  (log, kinds, order) => {
    const view = foldOf(domain, log)
    for (const [id, state] of view.sessions) {
      if (state.status !== 'live') continue
      const { version, authentication } = { ...state, ...state.current }
      const at = state.startedAt + hour
      // All on the same state; what decide refuses there is nothing to win.
      const events = kinds.flatMap((kind, i) => {
        const as = writer(at, `n${i}`, `race-${i}`)
        const common = { digest: digest(`${id.slice(-4)}race${i}`), graceMs: grace }
        const decision = kind === 'change'
          ? domain.decide({ type: 'Change', patch: { won: i }, ifVersion: version }, state, as)
          : domain.decide(kind === 'rotate'
            ? { type: 'Rotate', ...common }
            : { type: 'Reauthenticate', ...common, authentication: { ...authentication, at } }, state, as)
        return decision.ok ? [decision.events.at(-1)!] : []
      })
      const inOrder = events.map((_, i) => events[(i + order) % events.length]!)
      const after = inOrder.reduce<{ readonly state: SessionState; readonly taken: number }>((so, event) => {
        const next = domain.evolve(so.state, event)
        return { state: next, taken: so.taken + (next === so.state ? 0 : 1) }
      }, { state, taken: 0 })
      expect(after.taken).toBe(Math.min(1, events.length))
      expect(live(after.state).version).toBe(version + after.taken)
    }
  })

const client = (domain: Domain) => fc.property(moves, (list) => {
  const world = new ClientWorld(domain, { overlapping: 'rotations' })
  for (const move of list) {
    world.run(move)
    expect(isGood(world.standing()), `${move.move}: ${world.standing()}`).toBe(true)
    const session = live(world.state)
    for (const token of [session.current, session.pending, ...session.previous]) {
      if (token === null) continue
      const name = [...world.given.keys()].find((one) => digest(one) === token.digest)!
      expect(token.authentication).toEqual(world.given.get(name))
    }
    for (const { confirmable, goodUntil } of session.previous) {
      if (!confirmable) expect(goodUntil).toBeLessThanOrEqual(world.now + grace)
    }
  }
})

/**
 * What the client is given by a step-up is there when it presents the new token, however late: rotations that were
 * under way beside it, with the old token, do not take it away. By any of the clocks that the login may have had.
 */
const stepUps = (domain: Domain) => fc.property(
  fc.array(fc.tuple(fc.constantFrom('rotate', 'change'), fc.nat({ max: flightMs })), { maxLength: 6 }),
  fc.integer({ min: -hour, max: hour }), fc.nat({ max: 30 * minute - 1 }),
  (beside, ahead, later) => {
    const authentication = { level: 'aal2', methods: ['otp'], at: t0 }
    let state = fold([started({ authentication: { ...authentication, level: 'aal1', at: t0 + ahead } })], domain)
    const ask = (command: Parameters<Domain['decide']>[0], at: number) => {
      const decision = domain.decide(command, state, writer(at))
      if (decision.ok) state = decision.events.reduce(domain.evolve, state)
    }
    ask({ type: 'Reauthenticate', digest: digest('strong'), graceMs: grace, authentication }, t0)
    beside.forEach(([what, after], i) => {
      if (what === 'rotate') ask({ type: 'Rotate', digest: digest(`beside${i}`), graceMs: grace }, t0 + after)
      else ask({ type: 'Change', patch: { [`k${i}`]: i }, ifVersion: null }, t0 + after)
      expect(live(state).current).toMatchObject({ digest: digest('first'), authentication: { level: 'aal1' } })
    })
    ask({ type: 'Confirm', digest: digest('strong') }, t0 + flightMs + later)
    expect(live(state).current).toMatchObject({ digest: digest('strong'), authentication })
  })

const patches = (domain: Domain) => fc.property(
  fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 2 }),
  fc.array(fc.jsonValue({ maxDepth: 2 }), { minLength: 5, maxLength: 5 }),
  fc.nat(), (keys, values, order) => {
    const state = fold([started({ attributes: { kept: 1, a: 0 } })], domain)
    const clean = values.map((value) =>
      JSON.parse(JSON.stringify(value).replaceAll('__proto__', 'proto').replaceAll('null', '1')) as Attributes[string])
    const events = keys.map((key, i) => {
      const decision = domain.decide({ type: 'Change', patch: { [key]: clean[i]! }, ifVersion: null }, state,
        writer(t0, `n${i}`, `patch-${i}`))
      if (!decision.ok) throw new Error(decision.rejection.code)
      return decision.events.at(-1)!
    })
    const after = events.map((_, i) => events[(i + order) % events.length]!).reduce(domain.evolve, state)
    const { attributes } = live(after)
    expect(attributes['kept']).toBe(1)
    keys.forEach((key, i) => expect(attributes[key]).toEqual(clean[i]))
    expect(live(after).version).toBe(1 + keys.length)
    expect(live(domain.evolve(state, changed({ kept: null }))).attributes).toEqual({ a: 0 })
  })

/** Each has room for itself when it is decided on. */
const bursting = (domain: Domain) => fc.property(
  fc.array(fc.nat({ max: attributesLengthMax - 20 }), { minLength: 2, maxLength: 5 }), (lengths) => {
    const state = fold([started()], domain)
    const after = lengths.flatMap((length, i) => {
      const patch = { [`k${i}`]: 'x'.repeat(length) }
      const decision = domain.decide({ type: 'Change', patch, ifVersion: null }, state, writer(t0, 'a', `big-${i}`))
      return decision.ok ? decision.events : []
    }).reduce(domain.evolve, state)
    const { attributes } = live(after)
    expect(JSON.stringify(attributes).length).toBeLessThanOrEqual(attributesLengthMax)
    expect(attributes['k0']).toHaveLength(lengths[0]!)
  })

const capped = (domain: Domain) => fc.property(
  fc.array(fc.record({ subject: fc.constantFrom('ada', 'bob', null), continues: fc.option(fc.nat({ max: 9 })),
    ends: fc.boolean() }), { maxLength: 20 }),
  fc.integer({ min: 1, max: 3 }), fc.constantFrom('end-oldest' as const, 'refuse' as const),
  (logins, max, onTooMany) => {
    const cluster = new Cluster(domain)
    const standing = (subject: string): readonly Standing[] => cluster.head.standing(subject, t0)
    logins.forEach(({ subject, continues, ends }, i) => {
      const id = sessionId(i + 1)
      cluster.nodes[0]!.view.read(cluster.log)
      const from = continues === null ? sessionId(0) : sessionId(continues)
      const state = cluster.head.state(from)
      const stood = subject === null ? [] : standing(subject).filter((one) => one.id !== from)
      const others = () => ['ada', 'bob'].filter((one) => one !== subject).flatMap(standing)
      const stoodOthers = others()
      const wanted = start({ session: id, subject, digest: digest(`cap${i}`), cap: { max, onTooMany } })
      const { standing: _, ...command } = wanted
      const decision = cluster.begin(0, from, command, false)
      const allowed = subject === null || onTooMany === 'end-oldest' || stood.length < max
      expect(decision.ok).toBe(allowed)
      if (subject !== null) {
        const now = standing(subject).map((one) => one.id)
        expect(now.length).toBeLessThanOrEqual(max)
        if (allowed) expect(now).toEqual([...stood.map((one) => one.id).slice(Math.max(0, stood.length + 1 - max)), id])
      }
      expect(others()).toEqual(stoodOthers.filter((one) => !allowed || one.id !== from))
      if (allowed && state.status === 'live') {
        expect(cluster.head.state(from)).toMatchObject({ status: 'ended', reason: 'superseded' })
      }
      cluster.nodes[0]!.view.read(cluster.log)
      if (ends) cluster.decide(0, id, { type: 'End', reason: 'logout', actor: null }, false)
    })
  })

/** A property of the rules, and how often it is tried. */
export interface Property {
  readonly of: (domain: Domain) => fc.IProperty<unknown>
  readonly runs: number
}

/** Each is named after what it holds. */
export const properties = {
  'I1: the fold is what the plain model says, after any history': {
    of: (domain) => histories(domain, watchModel), runs: 200
  },
  'I1: the fold is the same for any batches and with any record repeated': { of: splits, runs: 200 },
  'I1: what is said of one session does not matter to another': { of: apart, runs: 100 },
  'I1: of guarded events decided on one state exactly one is taken': { of: guarded, runs: 150 },
  'I2: what was ended stays ended, and nothing saves what the log ends': {
    of: (domain) => histories(domain, watchEnds), runs: 150
  },
  'I6: no event stretches a limit, and no clock ends a session early': {
    of: (domain) => histories(domain, watchLimits), runs: 150
  },
  'tokens: each keeps what it was given, and none outlives its grace': {
    of: (domain) => histories(domain, watchTokens), runs: 150
  },
  'tokens: a client is never locked out, whatever overlaps but a step-up': { of: client, runs: 1_000 },
  'tokens: a step-up is not lost to what goes on beside it': { of: stepUps, runs: 300 },
  'attributes: concurrent patches of different keys all survive': { of: patches, runs: 300 },
  'attributes: concurrent patches do not burst the room of a session': { of: bursting, runs: 100 },
  'cap: so many sessions stand, and the oldest give way or none': { of: capped, runs: 200 }
} as const satisfies Record<string, Property>
export type PropertyName = keyof typeof properties
