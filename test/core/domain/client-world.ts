import fc from 'fast-check'
import type { Authentication } from '../../../core/domain/events.ts'
import { initial, type SessionState } from '../../../core/domain/session.ts'
import { aal2At, digest, type Domain, grace, hour, isGood, standingOf, started, t0, writer } from './story.ts'

/** No message between client and service is under way for longer. Less than half of the grace. */
export const flightMs = 5_000

type Ask = 'visit' | 'rotate' | 'step up'
export type Move =
  | { readonly move: 'ask'; readonly what: Ask }
  | { readonly move: 'arrive' | 'lose request' | 'receive' | 'lose answer'; readonly which: number }
  | { readonly move: 'think'; readonly ms: number }

const which = fc.nat({ max: 4 })
/** What a client and the network between it and the service may do. */
export const moves: fc.Arbitrary<readonly Move[]> = fc.array(fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ move: fc.constant('ask' as const), what: fc.constantFrom('visit', 'rotate', 'step up') })
  },
  { weight: 4, arbitrary: fc.record({ move: fc.constant('arrive' as const), which }) },
  { weight: 4, arbitrary: fc.record({ move: fc.constant('receive' as const), which }) },
  {
    weight: 1,
    arbitrary: fc.record({ move: fc.constantFrom('lose request' as const, 'lose answer' as const), which })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      move: fc.constant('think' as const),
      ms: fc.oneof(fc.constantFrom(1, flightMs, grace - 1, grace, grace + 1, hour), fc.nat({ max: 2 * grace }))
    })
  }
), { minLength: 1, maxLength: 40, size: 'max' })

interface Flying {
  readonly until: number
  readonly token: string
}
interface Request extends Flying { readonly what: Ask }

/** How the client behaves: which exchanges of its token it starts while another may still be under way. */
export interface Manners {
  readonly overlapping: 'all' | 'rotations'
}

/**
 * One client that keeps to the protocol (it presents the token that it received last), a network that delays, reorders
 * and loses, and a service whose nodes have all folded the whole log. Time in ms.
 */
export class ClientWorld {
  readonly domain: Domain
  readonly manners: Manners
  now = t0
  state: SessionState
  held = 'first'
  requests: Request[] = []
  answers: Flying[] = []
  given = new Map<string, Authentication>()
  #minted = 0
  /** Until when an answer to a step-up, or to any exchange, may still come. */
  #stepUpUntil = -1
  #exchangeUntil = -1

  constructor(domain: Domain, manners: Manners) {
    this.domain = domain
    this.manners = manners
    // So long that no history comes near.
    const month = 30 * 24 * hour
    this.state = domain.evolve(initial, started({ limits: { idle: month, absolute: month, renew: hour } }))
    this.given.set('first', started().authentication)
  }

  run(move: Move): void {
    switch (move.move) {
      case 'ask':
        return this.#ask(move.what)
      case 'arrive': {
        const [request] = this.requests.splice(move.which % (this.requests.length || 1), 1)
        return request === undefined ? undefined : this.#serve(request)
      }
      case 'receive': {
        const [answer] = this.answers.splice(move.which % (this.answers.length || 1), 1)
        if (answer === undefined) return
        this.held = answer.token
        return
      }
      case 'lose request':
        this.requests.splice(move.which % (this.requests.length || 1), 1)
        return
      case 'lose answer':
        this.answers.splice(move.which % (this.answers.length || 1), 1)
        return
      case 'think':
        this.now += move.ms
        // What did not arrive by then never will.
        this.requests = this.requests.filter(({ until }) => until > this.now)
        this.answers = this.answers.filter(({ until }) => until > this.now)
    }
  }

  /** What the service would say to the token that the client holds, if it came in now. */
  standing() {
    return standingOf(this.state, digest(this.held), this.now)
  }

  #ask(what: Ask): void {
    const { overlapping } = this.manners
    if (what !== 'visit') {
      if (overlapping === 'rotations' && this.now < (what === 'rotate' ? this.#stepUpUntil
        : this.#exchangeUntil)) return
      this.#exchangeUntil = this.now + 2 * flightMs
      if (what === 'step up') this.#stepUpUntil = this.#exchangeUntil
    }
    this.requests.push({ what, token: this.held, until: this.now + flightMs })
  }

  #serve({ what, token }: Request): void {
    const standing = standingOf(this.state, digest(token), this.now)
    if (standing === 'superseded') return void this.#decide({ type: 'End', reason: 'token-reuse', actor: null })
    if (!isGood(standing)) return
    if (standing === 'pending' || standing === 'overtaken') this.#decide({ type: 'Confirm', digest: digest(token) })
    if (what === 'visit' || standing === 'in grace') return
    const minted = `t${++this.#minted}`
    const authentication = aal2At(this.now)
    const accepted = what === 'rotate'
      ? this.#decide({ type: 'Rotate', digest: digest(minted), graceMs: grace })
      : this.#decide({ type: 'Reauthenticate', digest: digest(minted), graceMs: grace, authentication })
    if (!accepted) return
    this.given.set(minted, what === 'rotate' ? this.given.get(token)! : authentication)
    this.answers.push({ token: minted, until: this.now + flightMs })
  }

  #decide(command: Parameters<Domain['decide']>[0]): boolean {
    const decision = this.domain.decide(command, this.state, writer(this.now))
    if (!decision.ok) return false
    for (const event of decision.events) this.state = this.domain.evolve(this.state, event)
    return true
  }
}
