import type { Attributes } from '../../index.ts'
import type { Refusal, Verdict } from '../../index.ts'
import { Conflict, LogUnavailable, NotFound } from '../../index.ts'
import { stringifySetCookie } from 'cookie'
import { cookieValue, givingCookie, takingCookie } from './cookie.ts'
import { csrfVerdict, isCsrfWord } from './csrf.ts'
import { denial, type Denial } from './denial.ts'
import { resolveWebOptions, type WebOptions, type WebSettings } from './options.ts'
import { isLoopbackHost, type WebHeader, type WebRequest } from './request.ts'
import { RequestSession, type Surroundings } from './request-session.ts'

/** What a request begins with: its session, or the answer that it gets instead of the app's. */
export type Beginning<A extends Attributes> =
  | { readonly ok: true; readonly session: RequestSession<A> }
  | { readonly ok: false; readonly denial: Denial; readonly headers: readonly WebHeader[] }

/** Tells a browser that has no session apart, for the words in its forms. */
const formCookie = '__Host-form'
const csrfHeader = 'x-csrf-token'

interface Shown {
  readonly token: string
  /** Sent by the browser by itself, so that others can have it sent. */
  readonly ambient: boolean
}

const gone: readonly Refusal[] = ['malformed', 'unknown', 'ended', 'idle', 'absolute']

/** The framework-free part of every adapter: what a request begins with, and what its response says of the session. */
export class Web<A extends Attributes = Attributes> {
  readonly settings: WebSettings
  readonly #around: Surroundings

  /** Throws `InvalidOptions`. */
  constructor(around: Omit<Surroundings, 'settings'>, options?: WebOptions) {
    this.settings = resolveWebOptions(options)
    this.#around = { ...around, settings: this.settings }
  }

  /**
   * At once where memory can answer, which is nearly always. `word`: what the body of the request has in the field `_csrf`,
   * if it was read already. Never rejects.
   */
  begin(request: WebRequest, word?: () => unknown): Beginning<A> | Promise<Beginning<A>> {
    const shown = this.#shown(request)
    const formSecret = shown === null ? cookieValue(request.header('cookie'), formCookie) ?? null : null
    if ((shown === null || shown.ambient) && !this.#isOwn(request, shown?.token ?? formSecret, word)) return denied(denial('csrf'))
    if (shown === null) return this.#found(request, { token: null, session: null, refusal: null, formSecret })
    const { sessions } = this.#around
    const touch = { touch: this.settings.isActivity(request) }
    const verdict = sessions.validate(shown.token, touch)
    if (verdict.ok || !mayBeWrong(verdict.reason)) return this.#judged(request, shown, verdict)
    return sessions.authenticate(shown.token, touch).then((verdict) => this.#judged(request, shown, verdict))
  }

  /** What the response says, to be asked for when its headers are about to be sent. */
  headers(session: RequestSession<A>): readonly WebHeader[] {
    const { change, read, formSecret } = session.outcome()
    const form: readonly WebHeader[] = formSecret === null
      ? [] : [{ name: 'Set-Cookie', value: formCookieOf(formSecret), how: 'append' }]
    const cookie = this.#cookieOf(change)
    if (cookie.length > 0 || form.length > 0) {
      // Whatever the app says: a cache that kept this would give one person's session to another.
      return [{ name: 'Cache-Control', value: 'no-store', how: 'set' }, ...form, ...cookie]
    }
    return read && session.session !== null ? [{ name: 'Cache-Control', value: 'no-store', how: 'default' }] : []
  }

  #cookieOf(change: ReturnType<RequestSession<A>['outcome']>['change']): readonly WebHeader[] {
    switch (change.kind) {
      case 'none': return []
      case 'take': {
        const taken: WebHeader = { name: 'Set-Cookie', value: takingCookie(this.settings), how: 'append' }
        const { clearSiteData } = this.settings
        return change.loggedOut && clearSiteData !== ''
          ? [taken, { name: 'Clear-Site-Data', value: clearSiteData, how: 'set' }]
          : [taken]
      }
      case 'give': {
        const { issued } = change
        // It may have ended since the request began: the cookie that took it away must stay the last word.
        if (this.#around.sessions.get(issued.session.id) === undefined) return []
        return [{ name: 'Set-Cookie', value: givingCookie(this.settings, issued.token), how: 'append' }]
      }
    }
  }

  #shown(request: WebRequest): Shown | null {
    if (this.settings.bearer) {
      const bearer = /^Bearer +([^ ]+) *$/i.exec(request.header('authorization') ?? '')?.[1]
      if (bearer !== undefined) return { token: bearer, ambient: false }
    }
    // What came without TLS may have been read and set by anybody on the way.
    if (!request.secure && !isLoopbackHost(request.host)) return null
    const token = cookieValue(request.header('cookie'), this.settings.cookie.name)
    return token === undefined ? null : { token, ambient: true }
  }

  #isOwn(request: WebRequest, secret: string | null, word: (() => unknown) | undefined): boolean {
    switch (csrfVerdict(request, this.settings)) {
      case 'allowed': return true
      case 'refused': return false
      case 'word':
        // Where nothing at all was sent along there is nothing that a foreign page could make use of.
        if (secret === null) return request.header('cookie') === undefined
        return isCsrfWord(request.header(csrfHeader), secret) || isCsrfWord(word?.(), secret)
    }
  }

  #judged(request: WebRequest, { token, ambient }: Shown, verdict: Verdict): Beginning<A> | Promise<Beginning<A>> {
    if (verdict.ok) {
      const begun = this.#found(request, { token, session: verdict.session, refusal: null, formSecret: null })
      return verdict.renew === true && ambient ? this.#renewed(begun.session, token) : begun
    }
    if (verdict.reason === 'stale') return denied(denial('unavailable'))
    const begun = this.#found(request, { token, session: null, refusal: verdict.reason, formSecret: null })
    // A superseded token may come late from a browser that holds its successor, which must not be taken away.
    if (ambient && gone.includes(verdict.reason)) begun.session.takeCookie()
    return begun
  }

  async #renewed(session: RequestSession<A>, token: string): Promise<Beginning<A>> {
    try {
      session.renewed(await this.#around.sessions.rotate(token))
    } catch (error) {
      // A parallel request has won, or it can wait: the token that was shown is good.
      if (!(error instanceof Conflict || error instanceof NotFound || error instanceof LogUnavailable)) throw error
    }
    return { ok: true, session }
  }

  #found(
    request: WebRequest, found: ConstructorParameters<typeof RequestSession>[2]
  ): Extract<Beginning<A>, { ok: true }> {
    return { ok: true, session: new RequestSession<A>(this.#around, request, found) }
  }
}

const mayBeWrong = (reason: Refusal): boolean => reason === 'unknown' || reason === 'idle' || reason === 'stale'

const denied = (denial: Denial) => ({ ok: false, denial, headers: denial.headers } as const)

const formCookieOf = (value: string): string =>
  stringifySetCookie({ name: formCookie, value, path: '/', httpOnly: true, secure: true, sameSite: 'lax' })
