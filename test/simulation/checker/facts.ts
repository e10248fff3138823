import { type Answer, type Entry, type Op, sessionOf, type Target, type Trouble } from '../history.ts'
import { ratePpm, settings } from '../settings.ts'

/** A moment of a history: entries of one time have an order, too. */
export interface Moment {
  readonly at: number
  readonly index: number
}
export const isAfter = (a: Moment, b: Moment): boolean => a.index > b.index

export interface Call<O extends Op = Op> extends Moment {
  readonly op: O
  readonly process: string
  /** Undefined: never. */
  readonly answered: (Moment & { readonly answer: Answer }) | undefined
}
type OpOf<K extends Op['op']> = Extract<Op, { readonly op: K }>
export type Revoke = Call<OpOf<'revoke'>>

/** A token was presented to a process, which accepted or refused it at this moment. */
export interface Presented extends Moment {
  readonly process: string
  readonly token: string
  readonly session: string
  readonly touch: boolean
  /** When it was asked. */
  readonly asked: Moment
  readonly verdict: string
  /** Whether the process was free to ask its log first. */
  readonly isAuthentication: boolean
}

export interface ProcessFacts {
  readonly name: string
  readonly node: string
  readonly bounded: boolean
  readonly opened: Moment
  /** Undefined: it lived to the end. */
  ended: (Moment & { readonly inOrder: boolean }) | undefined
}

export interface SessionFacts {
  readonly name: string
  readonly subject: string | null
  readonly tenant: string | null
  readonly create: Call<OpOf<'create'>>
  /** Every exchange that was asked for, in order. */
  readonly exchanges: readonly Call<OpOf<'rotate' | 'reauthenticate'>>[]
  readonly presented: readonly Presented[]
}

interface Span {
  readonly kind: Trouble | 'clock'
  readonly from: number
  to: number
}

/** What was begun in the trouble goes on for so long after it: a slow write is given up, and tried anew. */
const lingersMs: { readonly [kind in Span['kind']]?: number } = { append: settings.writeTimeout + 500, slow: 2_000 }

const grouped = <A>(all: readonly A[], key: (one: A) => string): ReadonlyMap<string, A[]> => {
  const groups = new Map<string, A[]>()
  for (const one of all) {
    const group = groups.get(key(one))
    if (group === undefined) groups.set(key(one), [one])
    else group.push(one)
  }
  return groups
}

/** What can be read off a history by one who knows nothing but the promises. */
export class Facts {
  readonly calls: readonly Call[]
  readonly presented: readonly Presented[]
  readonly aborts: ReadonlyArray<Moment & { readonly process: string; readonly session: string; readonly reason: string }>
  readonly processes: ReadonlyMap<string, ProcessFacts>
  readonly sessions: ReadonlyMap<string, SessionFacts>
  readonly endsAt: number
  /** How far any two clocks may have been apart, ms. */
  readonly toleranceMs: number
  readonly #callsOf = new Map<string, readonly Call[]>()
  readonly #troubles = new Map<string, Span[]>()
  readonly #clocks: Array<Extract<Entry, { readonly what: 'clock' }>> = []

  readonly #turnMs: number

  /** `turnMs`: an answer is as good as given so long before whoever asked gets it, with other work between the two. */
  constructor(entries: readonly Entry[], turnMs = 0) {
    this.#turnMs = turnMs
    this.endsAt = entries.at(-1)?.at ?? 0
    this.calls = callsIn(entries)
    this.presented = presentedIn(entries, this.calls)
    this.processes = processesIn(entries)
    this.aborts = entries.flatMap((entry, index) => entry.what === 'aborts' ? [{ ...entry, index }] : [])
    let [least, most] = [0, 0]
    for (const entry of entries) {
      if (entry.what === 'clock') {
        this.#clocks.push(entry)
        least = Math.min(least, entry.aheadMs)
        most = Math.max(most, entry.aheadMs)
        this.#spans(entry.node).push({ kind: 'clock', from: entry.at, to: entry.at })
      } else if (entry.what === 'trouble') {
        if (entry.on) this.#spans(entry.node).push({ kind: entry.kind, from: entry.at, to: Infinity })
        else for (const span of this.#spans(entry.node)) if (span.kind === entry.kind) span.to = Math.min(span.to, entry.at)
      }
    }
    this.toleranceMs = most - least + this.endsAt * 2 * ratePpm / 1_000_000 + 5
    this.sessions = this.#sessions()
  }

  /** How far any two notions of the time may have been apart that were in use within that time, ms. */
  toleranceWithin(from: number, to: number): number {
    let [least, most] = [0, 0]
    const see = (aheadMs: number): void => {
      least = Math.min(least, aheadMs)
      most = Math.max(most, aheadMs)
    }
    for (const { at, aheadMs } of this.#clocks) if (at >= from && at <= to) see(aheadMs)
    for (const { ended, name, opened } of this.processes.values()) {
      if (opened.at > to || (ended !== undefined && ended.at < from)) continue
      // What it goes by never falls behind what it began with.
      see(this.aheadAt(name, opened.at))
      see(this.aheadAt(name, from))
    }
    return most - least + this.endsAt * 2 * ratePpm / 1_000_000 + 5
  }

  of<K extends Op['op']>(...kinds: readonly K[]): ReadonlyArray<Call<OpOf<K>>> {
    const name = kinds.join(' ')
    const known = this.#callsOf.get(name) ?? this.calls.filter(({ op }) => kinds.some((kind) => kind === op.op))
    this.#callsOf.set(name, known)
    return known as ReadonlyArray<Call<OpOf<K>>>
  }

  /** Whether something of these kinds kept the process's node from its work within that time. */
  hadTrouble(process: string, kinds: ReadonlyArray<Trouble | 'clock'>, from: number, to: number): boolean {
    const node = this.processes.get(process)!.node
    return this.#spans(node).some((span) => kinds.includes(span.kind) && span.from <= to && span.to >= from)
  }

  /** From when on there was none of these troubles for `ms`. */
  untroubledFrom(process: string, kinds: readonly Trouble[], from: number, ms: number): number {
    const spans = this.#spans(this.processes.get(process)!.node)
      .flatMap(({ from: first, kind, to }) => kinds.some((one) => one === kind)
        ? [{ from: first, to: to + (lingersMs[kind] ?? 0) }]
        : [])
    for (let at = from;;) {
      const next = Math.max(...spans.filter((span) => span.from <= at + ms && span.to >= at).map(({ to }) => to + 0.001), at)
      if (next === at || next === Infinity) return next
      at = next
    }
  }

  /** Whether the token was let in after that moment, surely. */
  isLetInAfter(presented: Presented, moment: Moment): boolean {
    return presented.verdict === 'ok' && isAfter(presented, moment) && (!presented.isAuthentication
      || isAfter(presented.asked, moment) || presented.at >= moment.at + this.#turnMs)
  }

  /** How far the wall clock of the process's machine was ahead at that time, ms. */
  aheadAt(process: string, at: number): number {
    const node = this.processes.get(process)!.node
    return this.#clocks.findLast((clock) => clock.node === node && clock.at <= at)?.aheadMs ?? 0
  }

  /**
   * For so long within that time nothing told the process that it grew later: its machine was suspended, so the
   * monotonic clock stood still, and the wall clock had been set back by as much.
   */
  blindMs(process: string, from: number, to: number): number {
    const { node, opened } = this.processes.get(process)!
    const suspended = this.#spans(node).filter((span) => span.kind === 'suspended')
      .reduce((sum, span) => sum + Math.max(0, Math.min(span.to, to) - Math.max(span.from, from)), 0)
    let [most, setBack] = [this.aheadAt(process, Math.min(opened.at, from)), 0]
    for (const clock of this.#clocks) {
      if (clock.node !== node || clock.at > to || clock.at < Math.min(opened.at, from)) continue
      setBack = Math.max(setBack, most - clock.aheadMs)
      most = Math.max(most, clock.aheadMs)
    }
    return Math.min(suspended, setBack)
  }

  /**
   * How far the process's own notion of the time is ahead of true time: it goes by its wall clock, but never falls
   * behind what has passed on the monotonic clock since its start, which stands still in a suspended machine.
   */
  trustedAheadMs(process: string, at: number): number {
    const { node, opened } = this.processes.get(process)!
    const suspended = this.#spans(node).filter((span) => span.kind === 'suspended')
      .reduce((sum, span) => sum + Math.max(0, Math.min(span.to, at) - Math.max(span.from, opened.at)), 0)
    return Math.max(this.aheadAt(process, opened.at) - suspended, this.aheadAt(process, at))
  }

  /** Whether what was asked for concerns a session that was known to its client before. */
  concerns(target: Target, session: SessionFacts): boolean {
    if ('token' in target) return sessionOf(target.token) === session.name
    if ('session' in target) return target.session === session.name
    if ('subject' in target) return target.subject === session.subject && !target.except.includes(session.name)
    return 'tenant' in target ? target.tenant === session.tenant : true
  }

  #spans(node: string): Span[] {
    const spans = this.#troubles.get(node) ?? []
    this.#troubles.set(node, spans)
    return spans
  }

  #sessions(): ReadonlyMap<string, SessionFacts> {
    const exchanges = grouped(this.of('rotate', 'reauthenticate'), ({ op }) => sessionOf(op.token))
    const presented = grouped(this.presented, ({ session }) => session)
    return new Map(this.of('create').map((create) => {
      const { session: name, subject, tenant } = create.op
      return [name, {
        name, subject, tenant, create, exchanges: exchanges.get(name) ?? [], presented: presented.get(name) ?? []
      }]
    }))
  }
}

const callsIn = (entries: readonly Entry[]): readonly Call[] => {
  const answers = new Map<number, Moment & { readonly answer: Answer }>()
  entries.forEach((entry, index) => {
    if (entry.what === 'answers') answers.set(entry.call, { at: entry.at, index, answer: entry.answer })
  })
  return entries.flatMap((entry, index): readonly Call[] => entry.what === 'asks'
    ? [{ at: entry.at, index, op: entry.op, process: entry.process, answered: answers.get(entry.call) }]
    : [])
}

const presentedIn = (entries: readonly Entry[], calls: readonly Call[]): readonly Presented[] => {
  const validated = entries.flatMap((entry, index): readonly Presented[] => {
    if (entry.what !== 'validates') return []
    const { at, process, token, touch, verdict } = entry
    const moment = { at, index }
    return [{ ...moment, asked: moment, process, token, session: sessionOf(token), touch, verdict, isAuthentication: false }]
  })
  const authenticated = calls.flatMap(({ at, index, op, process, answered }): readonly Presented[] => {
    if (op.op !== 'authenticate' || answered === undefined) return []
    const verdict = answered.answer.ok ? 'ok' : answered.answer.reason
    return [{
      at: answered.at, index: answered.index, asked: { at, index }, process, token: op.token, session: sessionOf(op.token),
      touch: op.touch, verdict, isAuthentication: true
    }]
  })
  return [...validated, ...authenticated].sort((a, b) => a.index - b.index)
}

const processesIn = (entries: readonly Entry[]): ReadonlyMap<string, ProcessFacts> => {
  const processes = new Map<string, ProcessFacts>()
  entries.forEach((entry, index) => {
    if (entry.what !== 'process') return
    const { at, process: name, node, bounded, state } = entry
    if (state === 'opens') processes.set(name, { name, node, bounded, opened: { at, index }, ended: undefined })
    if (state !== 'stops' && state !== 'dies') return
    const process = processes.get(name)!
    process.ended ??= { at, index, inOrder: state === 'stops' }
  })
  return processes
}

/** The longest that an answer of a session may come after its last activity, at a node that knows of all of it. */
export const { idle, absolute } = settings.limits
