import type { Command, Standing, Start } from '../../../core/domain/commands.ts'
import type { DomainEvent } from '../../../core/domain/events.ts'
import type { SessionId } from '../../../core/domain/ids.ts'
import { absoluteDeadline, idleDeadline, initial, type SessionState } from '../../../core/domain/session.ts'
import { isOnce } from './model.ts'
import { type Domain, t0 } from './story.ts'
import { writer } from './story.ts'

/** What one node has folded: every session of the log up to a place, by the domain under test. */
export class View {
  readonly #domain: Domain
  readonly sessions = new Map<SessionId, SessionState>()
  readonly #heard = new Set<string>()
  /** So many records of the log. */
  length = 0

  constructor(domain: Domain) {
    this.#domain = domain
  }

  read(log: readonly DomainEvent[], upTo: number = log.length): void {
    for (; this.length < upTo; this.length++) this.#fold(log[this.length]!)
  }

  state(id: SessionId): SessionState {
    return this.sessions.get(id) ?? initial
  }

  standing(subject: string, now: number): readonly Standing[] {
    return [...this.sessions.values()].flatMap((state) =>
      state.status === 'live' && state.subject === subject && now < absoluteDeadline(state) && now < idleDeadline(state)
        ? [{ id: state.id, tenant: state.tenant }]
        : [])
  }

  #fold(event: DomainEvent): void {
    // The contract of the log: whoever folds takes only the first occurrence where a second would do something.
    if (isOnce(event)) {
      if (this.#heard.has(event.command)) return
      this.#heard.add(event.command)
    }
    // What never was concerns no session but the one that is named; all others hear of everything.
    if ('session' in event && event.type !== 'AnomalyDetected' && !this.sessions.has(event.session)) {
      this.sessions.set(event.session, initial)
    }
    for (const [id, state] of this.sessions) {
      const isNamed = !('session' in event) || event.session === id
      if (isNamed || state.status !== 'none') this.sessions.set(id, this.#domain.evolve(state, event))
    }
  }
}

interface Node {
  readonly name: string
  readonly view: View
  /** How far its wall clock is ahead. */
  skew: number
}

/** What a deed asks of one session. */
export type Wanted = (id: SessionId, nodeTime: number) => Command

/**
 * Nodes that write to one log. Each decides on what it has folded, which may be old, by a clock of its own, which may
 * jump. An append may land later than others that were decided after it, and may land twice.
 */
export class Cluster {
  readonly domain: Domain
  readonly log: DomainEvent[] = []
  readonly nodes: readonly Node[]
  /** Everything folded, at once. */
  readonly head: View
  readonly appends: Array<readonly DomainEvent[]> = []
  readonly inFlight: Array<readonly DomainEvent[]> = []
  readonly ids: SessionId[] = []
  now = t0
  #commands = 0

  constructor(domain: Domain) {
    this.domain = domain
    this.nodes = ['a', 'b', 'c'].map((name) => ({ name, view: new View(domain), skew: 0 }))
    this.head = new View(domain)
  }

  timeOf(node: number): number {
    return Math.max(0, this.now + this.nodes[node]!.skew)
  }

  /** What `decide` says on this node. What it wants written is appended, now or when it lands. */
  decide(node: number, id: SessionId, command: Command, delay: boolean): ReturnType<Domain['decide']> {
    const decision = this.domain.decide(command, this.nodes[node]!.view.state(id), this.#writer(node))
    if (decision.ok) this.write(decision.events, delay)
    return decision
  }

  begin(
    node: number, continued: SessionId, command: Omit<Start, 'standing'>, delay: boolean
  ): ReturnType<Domain['decide']> {
    const { view } = this.nodes[node]!
    const standing = command.subject === null ? [] : view.standing(command.subject, this.timeOf(node))
    return this.decide(node, continued, { ...command, standing: standing.filter(({ id }) => id !== continued) }, delay)
  }

  /** An event that nobody decides on. */
  say(node: number, make: (as: ReturnType<typeof writer>) => DomainEvent, delay: boolean): void {
    this.write([make(this.#writer(node))], delay)
  }

  write(events: readonly DomainEvent[], delay: boolean): void {
    if (events.length === 0) return
    if (delay) this.inFlight.push(events)
    else this.#append(events)
  }

  land(which: number): void {
    const [events] = this.inFlight.splice(which % (this.inFlight.length || 1), 1)
    if (events !== undefined) this.#append(events)
  }

  /** An append whose answer was lost is made again, as a whole. */
  again(which: number): void {
    const events = this.appends[which % (this.appends.length || 1)]
    if (events !== undefined) this.#append(events)
  }

  catchUp(node: number, records: number): void {
    const { view } = this.nodes[node]!
    view.read(this.log, Math.min(this.log.length, view.length + records))
  }

  #append(events: readonly DomainEvent[]): void {
    this.appends.push(events)
    this.log.push(...events)
    this.head.read(this.log)
  }

  #writer(node: number): ReturnType<typeof writer> {
    return writer(this.timeOf(node), this.nodes[node]!.name, `${++this.#commands}`)
  }
}
