import type {
  AttributesChanged, Authentication, DomainEvent, SessionStarted, WideRevocation
} from '../../../core/domain/events.ts'

/**
 * The rules of a session once more, in the plainest way and from the words of the design alone: nothing of core/domain
 * runs here. What the fold does is compared with it.
 */

/** RFC 7396, section 2, letter by letter. */
export const mergeByTheBook = (target: unknown, patch: unknown): unknown => {
  if (typeof patch === 'object' && patch !== null && !Array.isArray(patch)) {
    const result: Record<string, unknown> = typeof target === 'object' && target !== null && !Array.isArray(target)
      ? { ...target } : {}
    for (const [name, value] of Object.entries(patch)) {
      if (value === null) delete result[name]
      else result[name] = mergeByTheBook(Object.hasOwn(result, name) ? result[name] : undefined, value)
    }
    return result
  }
  return patch
}

/** So many tokens that were replaced are remembered, and so many patches that expected no version. */
const remembered = 16
const patchesKnown = 8
/** Characters of JSON. */
const roomForAttributes = 4_096

export interface PlainToken {
  readonly digest: string
  readonly authentication: Authentication
  /** pending: given out and not presented. overtaken: it was pending when another was given out. */
  place: 'current' | 'pending' | 'overtaken' | 'old'
  readonly graceMs: number
  goodUntil: number
}

export class PlainSession {
  start: SessionStarted | null = null
  endedFor: string | null = null
  version = 0
  lastSeen = 0
  attributes: unknown = {}
  /** The latest patches that expected no version, by command, the latest last. */
  patches: readonly string[] = []
  /** In the order in which they were replaced; the current and the pending one last. */
  tokens: PlainToken[] = []

  /** The tokens that are good at a moment, with what they were given. */
  good(at: number): ReadonlyMap<string, Authentication> {
    const { start } = this
    const none = start === null || this.endedFor !== null
      || at >= start.at + start.limits.absolute || at >= this.lastSeen + start.limits.idle
    const live = none ? [] : this.tokens.filter(({ goodUntil }) => at < goodUntil)
    return new Map(live.map(({ digest, authentication }) => [digest, authentication]))
  }

  at(place: PlainToken['place']): PlainToken | undefined {
    return this.tokens.find((token) => token.place === place)
  }

  /** Whether a confirmation of this token at this time makes it the current one. */
  takes(digest: string, at: number): PlainToken | undefined {
    return this.tokens.find((token) => token.digest === digest
      && (token.place === 'pending' || (token.place === 'overtaken' && at < token.goodUntil)))
  }

  hear(id: string, event: DomainEvent): void {
    if (this.endedFor !== null) return
    if ('session' in event && event.session !== id) return
    if (event.type === 'SessionStarted' && this.start === null) return this.#begin(event)
    if (event.type === 'SessionEnded' && this.start === null) {
      this.endedFor = event.reason
      return
    }
    if (this.start === null) return
    switch (event.type) {
      case 'ActivityRecorded':
        // Nobody knows of anything later than when it is written down.
        for (const [seen, at] of event.seen) {
          if (seen === id) this.lastSeen = Math.max(this.lastSeen, Math.min(at, event.at))
        }
        return
      case 'TokenRotated':
        return this.#giveOut(event, this.at('current')!.authentication)
      case 'Reauthenticated':
        return this.#giveOut(event, event.authentication)
      case 'TokenConfirmed':
        return this.#present(event.digest, event.at)
      case 'AttributesChanged':
        return this.#patch(event)
      case 'SessionEnded':
        if (event.reason === 'idle' && event.at < this.lastSeen + this.start.limits.idle) return
        if (event.reason === 'absolute' && event.at < this.start.at + this.start.limits.absolute) return
        this.endedFor = event.reason
        return
      case 'SubjectRevoked':
      case 'TenantRevoked':
      case 'AllRevoked':
        if (concerns(event, this.start)) this.endedFor = event.reason
    }
  }

  #begin(event: SessionStarted): void {
    this.start = event
    this.version = 1
    this.lastSeen = event.at
    this.attributes = event.attributes
    const { digest, authentication } = event
    this.tokens = [{ digest, authentication, place: 'current', graceMs: 0, goodUntil: Infinity }]
  }

  #giveOut(
    event: { readonly expects: number; readonly digest: string; readonly at: number; readonly graceMs: number },
    authentication: Authentication
  ): void {
    if (event.expects !== this.version) return
    this.version++
    const overtaken = this.at('pending')
    if (overtaken !== undefined) {
      overtaken.place = 'overtaken'
      overtaken.goodUntil = event.at + overtaken.graceMs
      this.#replaced(overtaken)
    }
    const { digest, graceMs } = event
    this.tokens.push({ digest, authentication, place: 'pending', graceMs, goodUntil: Infinity })
  }

  #present(digest: string, at: number): void {
    const token = this.takes(digest, at)
    if (token === undefined) return
    this.version++
    const before = this.at('current')!
    before.place = 'old'
    before.goodUntil = at + token.graceMs
    this.#replaced(before)
    token.place = 'current'
    token.goodUntil = Infinity
    for (const other of this.tokens.slice(0, this.tokens.indexOf(token))) {
      if (other.place === 'overtaken') other.place = 'old'
    }
  }

  #patch(event: AttributesChanged): void {
    if (event.expects !== undefined && event.expects !== this.version) return
    if (this.patches.includes(event.command)) return
    if (event.expects === undefined) this.patches = [...this.patches, event.command].slice(-patchesKnown)
    const merged = mergeByTheBook(this.attributes, event.patch)
    if (JSON.stringify(merged).length > roomForAttributes) return
    this.attributes = merged
    this.version++
  }

  /** Puts it behind all that were replaced before, and forgets the first of too many. */
  #replaced(token: PlainToken): void {
    const isReplaced = ({ place }: PlainToken) => place === 'old' || place === 'overtaken'
    const others = this.tokens.filter((one) => one !== token)
    const replaced = [...others.filter(isReplaced), token]
    this.tokens = [...replaced.slice(-remembered), ...others.filter((one) => !isReplaced(one))]
  }
}

const concerns = (event: WideRevocation, start: SessionStarted): boolean => {
  const isOld = event.before === null || start.at < event.before
  if (event.type === 'AllRevoked') return isOld
  if (event.type === 'TenantRevoked') return isOld && start.tenant === event.tenant
  return isOld && start.subject === event.subject && !event.except.includes(start.session)
}

/** Whether a second occurrence of a record is to be dropped by its command id. All others are void by themselves. */
export const isOnce = (event: DomainEvent): boolean =>
  event.type === 'SubjectRevoked' || event.type === 'TenantRevoked' || event.type === 'AllRevoked'

/** All sessions of a log. */
export class PlainLog {
  readonly sessions = new Map<string, PlainSession>()
  readonly #heard = new Set<string>()

  hear(event: DomainEvent): void {
    if (isOnce(event)) {
      if (this.#heard.has(event.command)) return
      this.#heard.add(event.command)
    }
    if ((event.type === 'SessionStarted' || event.type === 'SessionEnded') && !this.sessions.has(event.session)) {
      this.sessions.set(event.session, new PlainSession())
    }
    for (const [id, session] of this.sessions) session.hear(id, event)
  }
}

