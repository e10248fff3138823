import type { Attributes } from '../../index.ts'
import type { Refusal, Session } from '../../index.ts'
import { Conflict, LogUnavailable, NotFound } from '../../index.ts'
import type { CreateOptions, Issued } from '../../index.ts'
import type { ReauthenticateOptions, UpdateOptions } from '../../index.ts'
import type { Sessions } from '../../index.ts'
import { csrfWord } from './csrf.ts'
import { denial, type Denial } from './denial.ts'
import { deviceOf } from './device.ts'
import { Denied } from './denied.ts'
import { type Guard, requireRecent } from './guards.ts'
import type { WebSettings } from './options.ts'
import { isLoopbackHost, type WebRequest } from './request.ts'

/** Who logs in; the device is that of the request. */
export type LoginOptions = Omit<CreateOptions, 'continues' | 'subject'> & { readonly subject: string }

/** What a logout came to. */
export interface LoggedOut {
  /** How many sessions this ended. */
  readonly ended: number
  /** false: they are refused wherever that was heard, and the log will have it as soon as it takes something. */
  readonly durable: boolean
}

/** A session of the same person, for his list of devices. */
export interface DeviceEntry {
  /** For `endDevice`; no credential. */
  readonly id: string
  /** 'Firefox on Windows'; null: nobody knows. */
  readonly label: string | null
  /** Wall clock, ms. */
  readonly firstSeenAt: number
  readonly lastSeenAt: number
  readonly networkPrefix: string | null
  /** The one that asks. */
  readonly current: boolean
}

/** What the response must say of the session. */
export type CookieChange =
  | { readonly kind: 'none' }
  /** A new token; kept back if the session has ended by the time that the response begins. */
  | { readonly kind: 'give'; readonly issued: Issued }
  /** loggedOut: the browser is to forget what it has seen as well. */
  | { readonly kind: 'take'; readonly loggedOut: boolean }

/** Where a request gets all that it needs from. */
export interface Surroundings {
  readonly sessions: Sessions
  readonly settings: WebSettings
  readonly random: (bytes: number) => Uint8Array
  readonly now: () => number
}

/** The session of one request, or none: what the app uses. */
export class RequestSession<A extends Attributes = Attributes> {
  readonly #around: Surroundings
  readonly #request: WebRequest
  #token: string | null
  #session: Session | null
  #refusal: Refusal | null
  #change: CookieChange = { kind: 'none' }
  #read = false
  #formSecret: string | null
  #gaveFormSecret = false

  /** @internal */
  constructor(around: Surroundings, request: WebRequest, found: {
    readonly token: string | null; readonly session: Session | null; readonly refusal: Refusal | null
    readonly formSecret: string | null
  }) {
    this.#around = around
    this.#request = request
    this.#token = found.token
    this.#session = found.session
    this.#refusal = found.refusal
    this.#formSecret = found.formSecret
  }

  /** The live session that the client has shown the token of; null: none. Anonymous ones have the subject null. */
  get session(): (Session & { readonly attributes: Partial<A> }) | null {
    this.#read = true
    return this.#session as (Session & { readonly attributes: Partial<A> }) | null
  }

  /** Why the token that the client has shown was refused; null: it was not, or there was none. */
  get refusal(): Refusal | null {
    return this.#refusal
  }

  /** Aborts when the session ends, on whichever node and for whatever reason; at once if there is none. */
  get signal(): AbortSignal {
    return this.#session === null ? AbortSignal.abort() : this.#around.sessions.signal(this.#session.id)
  }

  /** null: the request may go on. */
  check(guard: Guard): Denial | null {
    return guard({ session: this.session, levels: this.#around.settings.levels, now: this.#around.now })
  }

  /**
   * Logs in: a new session with a new token, whatever the browser held before, which ends. An anonymous session's
   * attributes are carried over. Rejects as `create` does, and with `Denied` over plain http.
   */
  async login(options: LoginOptions): Promise<Session> {
    this.#mustBeSecure()
    const { sessions, settings } = this.#around
    const held = this.#session
    const wanted: CreateOptions = { device: deviceOf(this.#request, settings), ...options }
    if (held === null) return this.#give(await sessions.create(wanted))
    if (held.subject !== null) {
      await revoked(sessions, { id: held.id })
      return this.#give(await sessions.create(wanted))
    }
    try {
      return this.#give(await sessions.create({ ...wanted, continues: { id: held.id } }))
    } catch (error) {
      // What the browser held has ended meanwhile, so there is nothing to carry over.
      if (error instanceof NotFound || error instanceof Conflict) return this.#give(await sessions.create(wanted))
      throw error
    }
  }

  /** Ends the session, here and everywhere; `everywhere`: all others of the same person as well. */
  async logout({ everywhere = false }: { readonly everywhere?: boolean } = {}): Promise<LoggedOut> {
    const { sessions } = this.#around
    const session = this.#session
    this.#forget()
    if (session === null) return { ended: 0, durable: true }
    const { id, subject } = session
    return revoked(sessions, everywhere && subject !== null ? { subject } : { id })
  }

  /** After somebody has proved again, or better, who he is: a new token, the only one that has the new level. */
  async reauthenticate(options: ReauthenticateOptions): Promise<Session> {
    this.#mustBeSecure()
    if (this.#session === null || this.#token === null) throw new Denied(denial('login-required'))
    return this.#give(await this.#around.sessions.reauthenticate(this.#token, options))
  }

  /**
   * Merges a JSON merge patch into the attributes. Where there is no session yet, an anonymous one is started. Rejects as
   * `update` and `create` do.
   */
  async update(patch: Partial<A> & Attributes, options?: UpdateOptions): Promise<Session> {
    const { sessions, settings } = this.#around
    if (this.#session === null) {
      this.#mustBeSecure()
      return this.#give(await sessions.create({
        subject: null, attributes: patch, device: deviceOf(this.#request, settings)
      }))
    }
    return this.#see(await sessions.update({ id: this.#session.id }, patch, options))
  }

  /**
   * Takes a value out of the attributes, such as a one-time code: of all requests that ask for it, on whichever nodes,
   * one gets it, and the others undefined.
   */
  async consume(key: keyof A & string): Promise<unknown> {
    const { sessions } = this.#around
    for (;;) {
      const session = this.#session
      const value = session?.attributes[key]
      if (session === null || value === undefined) return undefined
      try {
        this.#see(await sessions.update({ id: session.id }, { [key]: null }, { ifVersion: session.version }))
        return value
      } catch (error) {
        if (!(error instanceof Conflict)) throw error
        const now = sessions.get(session.id)
        if (now === undefined) return undefined
        this.#see(now)
      }
    }
  }

  /** The sessions of the same person, newest first; none for an anonymous one. */
  devices(): readonly DeviceEntry[] {
    const session = this.session
    if (session === null || session.subject === null) return []
    return this.#around.sessions.list({ subject: session.subject })
      .filter(({ tenant }) => tenant === session.tenant)
      .map(({ id, device, startedAt, lastSeenAt }) => ({
        id, label: device?.label ?? null, firstSeenAt: startedAt, lastSeenAt,
        networkPrefix: device?.networkPrefix ?? null, current: id === session.id
      }))
  }

  /**
   * Ends one of the same person's sessions, by the id that `devices` told. Rejects with `NotFound` for any other, and
   * with `Denied` where he has not proved lately who he is (option `recent`; ASVS 7.5.2).
   */
  async endDevice(id: string): Promise<LoggedOut> {
    this.#mustBeRecent()
    const one = this.devices().find((device) => device.id === id)
    if (one === undefined) throw new NotFound({ message: 'This is no session of the same person.' })
    return one.current ? this.logout() : revoked(this.#around.sessions, { id })
  }

  /** Ends all sessions of the same person but this one. Rejects with `Denied` as `endDevice` does. */
  async endOtherDevices(): Promise<LoggedOut> {
    this.#mustBeRecent()
    const { id, subject } = this.#session!
    return revoked(this.#around.sessions, { subject: subject!, except: id })
  }

  /**
   * A word to be put into forms, in the field `_csrf`, or sent in the header `x-csrf-token`. Asked for only where the
   * browser does not say itself where a request comes from.
   */
  csrfToken(): string {
    const { random } = this.#around
    const secret = this.#issuedToken() ?? (this.#session === null ? null : this.#token)
    if (secret !== null) return csrfWord(secret, random)
    if (this.#formSecret === null) {
      this.#formSecret = Buffer.from(random(32)).toString('base64url')
      this.#gaveFormSecret = true
    }
    return csrfWord(this.#formSecret, random)
  }

  /** @internal What the response has to say. */
  outcome(): { readonly change: CookieChange; readonly read: boolean; readonly formSecret: string | null } {
    return { change: this.#change, read: this.#read, formSecret: this.#gaveFormSecret ? this.#formSecret : null }
  }

  /** @internal The token that was given to another; the one shown stays good for a while. */
  renewed(issued: Issued): void {
    this.#give(issued)
  }

  /** @internal The client holds a token that is no use to it. */
  takeCookie(): void {
    this.#change = { kind: 'take', loggedOut: false }
  }

  #issuedToken(): string | null {
    return this.#change.kind === 'give' ? this.#change.issued.token : null
  }

  #give(issued: Issued): Session {
    this.#change = { kind: 'give', issued }
    this.#refusal = null
    // Of the same session: the client has yet to show that it has the new token, so what it has shown stays in use.
    if (this.#session?.id !== issued.session.id) this.#token = issued.token
    return this.#session = issued.session
  }

  /** As it is now. What this request was given, it keeps. */
  #see(session: Session): Session {
    const authentication = this.#session?.authentication ?? session.authentication
    return this.#session = { ...session, authentication }
  }

  #forget(): void {
    this.#session = null
    this.#token = null
    this.#change = { kind: 'take', loggedOut: true }
  }

  #mustBeRecent(): void {
    const denied = this.check(requireRecent(this.#around.settings.recentMs))
    if (denied !== null) throw new Denied(denied)
  }

  #mustBeSecure(): void {
    if (!this.#request.secure && !isLoopbackHost(this.#request.host)) throw new Denied(denial('insecure'))
  }
}

/** A revocation that is in force is one, also where the log has yet to take it. */
const revoked = async (sessions: Sessions, target: Parameters<Sessions['revoke']>[0]): Promise<LoggedOut> => {
  try {
    const { ended } = await sessions.revoke(target, { reason: 'logout' })
    return { ended, durable: true }
  } catch (error) {
    if (error instanceof NotFound) return { ended: 0, durable: true }
    if (error instanceof LogUnavailable && error.inForce === true) return { ended: 1, durable: false }
    throw error
  }
}
