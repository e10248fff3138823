import { mergePatch } from '../../../core/domain/attributes.ts'
import type { Command } from '../../../core/domain/commands.ts'
import { isWideRevocation, type DomainEvent } from '../../../core/domain/events.ts'
import { initial, type LiveSession, type SessionState } from '../../../core/domain/session.ts'
import type { PropertyName } from './properties.ts'
import { domain, type Domain } from './story.ts'

type Evolve = Domain['evolve']
type Decide = Domain['decide']
const { evolve, decide } = domain

/** A domain with one mistake in it. */
export interface Mutant {
  readonly mistake: string
  readonly domain: Domain
  /** The property that finds it. */
  readonly caughtBy: PropertyName
}

/** A fold that goes wrong on a live session. `right`: what the fold makes of the event. */
const whenLive = (wrong: (state: LiveSession, event: DomainEvent, right: SessionState) => SessionState): Evolve =>
  (state, event) => state.status === 'live' ? wrong(state, event, evolve(state, event)) : evolve(state, event)

const folds = (mistake: string, caughtBy: PropertyName, wrong: Evolve): Mutant =>
  ({ mistake, caughtBy, domain: { ...domain, evolve: wrong } })
const decides = (mistake: string, caughtBy: PropertyName, wrong: Decide): Mutant =>
  ({ mistake, caughtBy, domain: { ...domain, decide: wrong } })

/** Ends without forgetting what was, so that something may bring it back. */
const revivedBy = (...types: ReadonlyArray<DomainEvent['type']>): Evolve => {
  const before = new WeakMap<SessionState, LiveSession>()
  return (state, event) => {
    const was = before.get(state)
    if (was !== undefined && types.includes(event.type)) return evolve(was, event)
    const next = evolve(state, event)
    if (next.status === 'ended' && state.status === 'live') before.set(next, state)
    return next
  }
}
const withVersion = (event: DomainEvent, version: (expects: number) => number): DomainEvent =>
  'expects' in event && event.expects !== undefined
    ? { ...event, expects: version(event.expects) } as DomainEvent
    : event
const old = (session: LiveSession, token: LiveSession['current'], goodUntil: number) =>
  [{ ...token, graceMs: 0, goodUntil, confirmable: false }, ...session.previous]
const isStartOf = (session: { readonly id: string }, event: DomainEvent): boolean =>
  event.type === 'SessionStarted' && event.session === session.id
/** Whether it is a change of tokens that the fold takes. */
const gives = (event: DomainEvent): event is Extract<DomainEvent, { type: 'TokenRotated' | 'Reauthenticated' }> =>
  event.type === 'TokenRotated' || event.type === 'Reauthenticated'

const model: PropertyName = 'I1: the fold is what the plain model says, after any history'
const batches: PropertyName = 'I1: the fold is the same for any batches and with any record repeated'
const apart: PropertyName = 'I1: what is said of one session does not matter to another'
const guarded: PropertyName = 'I1: of guarded events decided on one state exactly one is taken'
const ends: PropertyName = 'I2: what was ended stays ended, and nothing saves what the log ends'
const limits: PropertyName = 'I6: no event stretches a limit, and no clock ends a session early'
const tokens: PropertyName = 'tokens: each keeps what it was given, and none outlives its grace'
const client: PropertyName = 'tokens: a client is never locked out, whatever overlaps but a step-up'
const stepUps: PropertyName = 'tokens: a step-up is not lost to what goes on beside it'
const patches: PropertyName = 'attributes: concurrent patches of different keys all survive'
const room: PropertyName = 'attributes: concurrent patches do not burst the room of a session'
const cap: PropertyName = 'cap: so many sessions stand, and the oldest give way or none'

const brokenFolds: readonly Mutant[] = [
  folds('an ended session is revived by its start', ends, (state, event) =>
    evolve(state.status === 'ended' && isStartOf(state, event) ? initial : state, event)),
  folds('an ended session is revived by a concurrent save', ends, revivedBy('AttributesChanged')),
  folds('an ended session is revived by its pending token', ends, revivedBy('TokenConfirmed')),
  folds('an ended session is revived by activity', ends, revivedBy('ActivityRecorded')),
  folds('an end takes the reason of the latest event', ends, (state, event) =>
    state.status === 'ended' && event.type === 'SessionEnded' ? { ...state, reason: event.reason }
      : evolve(state, event)),
  folds('a revocation spares those who are not excepted', ends, whenLive((state, event, right) =>
    event.type === 'SubjectRevoked' && event.except.length > 0 ? state : right)),
  folds('except is ignored', model, whenLive((state, event) =>
    evolve(state, event.type === 'SubjectRevoked' ? { ...event, except: [] } : event))),
  folds('before is ignored', model, whenLive((state, event) =>
    evolve(state, isWideRevocation(event) ? { ...event, before: null } : event))),
  folds('before includes its own ms', model, whenLive((state, event) =>
    evolve(state, isWideRevocation(event) && event.before !== null ? { ...event, before: event.before + 1 } : event))),
  folds('activity ignores max', limits, whenLive((_, event, right) =>
    event.type === 'ActivityRecorded' && right.status === 'live'
      ? event.seen.reduce<LiveSession>((one, [id, at]) => id === one.id ? { ...one, lastSeenAt: at } : one, right)
      : right)),
  folds('activity is told too late', limits, whenLive((_, event, right) =>
    event.type === 'ActivityRecorded' && right.status === 'live'
      ? { ...right, lastSeenAt: Math.max(right.lastSeenAt, event.at) } : right)),
  folds('a rotation counts as activity', limits, whenLive((_, event, right) =>
    event.type === 'TokenRotated' && right.status === 'live'
      ? { ...right, lastSeenAt: Math.max(right.lastSeenAt, event.at) } : right)),
  folds('a step-up begins the absolute limit anew', limits, whenLive((state, event, right) =>
    event.type === 'Reauthenticated' && right !== state && right.status === 'live'
      ? { ...right, startedAt: event.at } : right)),
  folds('an idle end holds however early', limits, whenLive((_, event, right) =>
    event.type === 'SessionEnded' && event.reason === 'idle' && right.status === 'live' && right.id === event.session
      ? { status: 'ended', id: right.id, reason: 'idle' } : right)),
  folds('an absolute end holds however early', limits, whenLive((_, event, right) =>
    event.type === 'SessionEnded' && event.reason === 'absolute' && right.status === 'live'
      && right.id === event.session
      ? { status: 'ended', id: right.id, reason: 'absolute' } : right)),
  folds('expects is ignored', guarded, whenLive((state, event) =>
    evolve(state, withVersion(event, () => state.version)))),
  folds('expects is a least version', guarded, whenLive((state, event) =>
    evolve(state, withVersion(event, (expects) => expects <= state.version ? state.version : expects)))),
  folds('a change of attributes does not count', guarded, whenLive((state, event, right) =>
    event.type === 'AttributesChanged' && right.status === 'live' ? { ...right, version: state.version } : right)),
  folds('a second start begins anew', batches, (state, event) =>
    evolve(state.status === 'live' && isStartOf(state, event) ? initial : state, event)),
  folds('a repeated confirmation begins the grace anew', batches, whenLive((state, event, right) =>
    event.type === 'TokenConfirmed' && right.status === 'live' && event.digest === state.current.digest
      ? { ...state, previous: state.previous.map((token, i) => i === 0
        ? { ...token, goodUntil: event.at + token.graceMs + 1 } : token) } : right)),
  folds('the state holds what no batch can keep', batches, whenLive((_, event, right) =>
    gives(event) && right.status === 'live' ? { ...right,
      previous: right.previous.map((token) => ({ ...token, goodUntil: Infinity })) } : right)),
  folds('whose event it is, is not asked', apart, whenLive((state, event) =>
    evolve(state, 'session' in event && event.type === 'AttributesChanged' ? { ...event, session: state.id } : event))),
  folds('grace never ends', tokens, whenLive((_, event, right) =>
    event.type === 'TokenConfirmed' && right.status === 'live'
      ? { ...right, previous: right.previous.map((token) => ({ ...token, goodUntil: Number.MAX_SAFE_INTEGER })) }
        : right)),
  folds('a token that was current can be current again', tokens, whenLive((_, event, right) =>
    right.status === 'live' && event.type === 'TokenConfirmed'
      ? { ...right, previous: right.previous.map((token) => ({ ...token, confirmable: true })) } : right)),
  folds('an overtaken token takes the session back from a later one', model, whenLive((state, event, right) =>
    event.type === 'TokenConfirmed' && right.status === 'live' && state.status === 'live'
      ? { ...right, previous: right.previous.map((token) => ({
          ...token, confirmable: state.previous.some((before) => before.digest === token.digest && before.confirmable)
        })) }
      : right)),
  folds('the current token gains at once', tokens, whenLive((state, event, right) =>
    event.type === 'Reauthenticated' && right !== state && right.status === 'live'
      ? { ...right, current: { ...right.current, authentication: event.authentication } } : right)),
  folds('a rotation inherits from the pending token', tokens, whenLive((state, event, right) =>
    event.type === 'TokenRotated' && right !== state && right.status === 'live' && state.pending !== null
      && right.pending !== null
      ? { ...right, pending: { ...right.pending, authentication: state.pending.authentication } } : right)),
  folds('a rotation takes the place of the current token at once', client, whenLive((state, event, right) =>
    gives(event) && right !== state && right.status === 'live' && right.pending !== null
      ? { ...right, current: right.pending, pending: null, previous: old(right, right.current, event.at) } : right)),
  folds('a rotation ends the old token after its grace', client, whenLive((state, event, right) =>
    gives(event) && right !== state && right.status === 'live' && right.pending !== null
      ? { ...right, current: right.pending, pending: null,
        previous: old(right, right.current, event.at + event.graceMs) } : right)),
  folds('there is no grace', client, whenLive((state, event, right) =>
    event.type === 'TokenConfirmed' && right !== state && right.status === 'live'
      ? { ...right, previous: right.previous.map((token, i) => i === 0 ? { ...token, goodUntil: event.at } : token) }
        : right)),
  folds('a pending token that was overtaken is forgotten', model, whenLive((state, event, right) =>
    gives(event) && right.status === 'live' ? { ...right, previous: state.previous } : right)),
  folds('a confirmed token leaves no pending one', model, whenLive((_, event, right) =>
    event.type === 'TokenConfirmed' && right.status === 'live' ? { ...right, pending: null } : right)),
  folds('a repeated patch counts again', batches, (state, event) =>
    evolve(state.status === 'live' && event.type === 'AttributesChanged' ? { ...state, patches: [] } : state, event)),
  folds('only the latest patch is known again', batches, whenLive((_state, _event, right) =>
    right.status === 'live' ? { ...right, patches: right.patches.slice(0, 1) } : right)),
  folds('patches are not measured together', room, whenLive((state, event, right) =>
    event.type === 'AttributesChanged' && event.session === state.id && right.status === 'live'
      && right.version === state.version && (event.expects ?? state.version) === state.version && !state.patches.includes(event.command)
      ? { ...state, version: state.version + 1, attributes: mergePatch(state.attributes, event.patch) } : right)),
  folds('a node may have seen what is yet to come', limits, whenLive((state, event, right) =>
    event.type === 'ActivityRecorded' ? evolve(state, { ...event,
      at: Math.max(event.at, ...event.seen.map(([, at]) => at)) })
      : right)),
  folds('a patch replaces all attributes', patches, whenLive((state, event, right) =>
    event.type === 'AttributesChanged' && right !== state && right.status === 'live'
      ? { ...right, attributes: event.patch } : right)),
  folds('a patch is merged one level deep', model, whenLive((state, event, right) =>
    event.type === 'AttributesChanged' && right !== state && right.status === 'live'
      ? { ...right, attributes: mergePatch({}, { ...state.attributes, ...event.patch }) } : right))
]

/** Only what it says of starts is wrong. */
const startsWith = (wrong: (command: Extract<Command, { type: 'Start' }>) => Command): Decide =>
  (command, state, writer) => decide(command.type === 'Start' ? wrong(command) : command, state, writer)

const brokenDecisions: readonly Mutant[] = [
  decides('a rotation overtakes one that is under way', client, (command, state, writer) =>
    decide(command, command.type === 'Rotate' && state.status === 'live' && state.pending !== null
      && state.pending.authentication.at === state.current.authentication.at ? { ...state, pending: null } : state,
      writer)),
  decides('a rotation replaces a step-up that was not presented', stepUps, (command, state, writer) =>
    decide(command, command.type === 'Rotate' && state.status === 'live' ? { ...state, pending: null } : state,
      writer)),
  decides('a step-up is known by its clock', stepUps, (command, state, writer) =>
    decide(command, command.type === 'Rotate' && state.status === 'live' && state.pending !== null
      && state.pending.authentication.at <= state.current.authentication.at ? { ...state, pending: null } : state,
      writer)),
  decides('a rotation expects nothing in particular', guarded, (command, state, writer) => {
    const decision = decide(command, state, writer)
    return decision.ok ? { ok: true, events: decision.events.map((event) => withVersion(event, () => 1)) } : decision
  }),
  decides('every patch expects a version', patches, (command, state, writer) =>
    decide(command.type === 'Change' && state.status === 'live' ? { ...command, ifVersion: state.version } : command,
      state, writer)),
  decides('one session too many may stand', cap, startsWith((command) =>
    ({ ...command, cap: { ...command.cap, max: command.cap.max + 1 } }))),
  decides('the newest gives way', cap, startsWith((command) =>
    ({ ...command, standing: [...command.standing].reverse() }))),
  decides('refuse evicts', cap, startsWith((command) =>
    ({ ...command, cap: { ...command.cap, onTooMany: 'end-oldest' } }))),
  decides('the session that is continued goes on', cap, (command, state, writer) =>
    decide(command, command.type === 'Start' ? initial : state, writer))
]

export const mutants: readonly Mutant[] = [...brokenFolds, ...brokenDecisions]
