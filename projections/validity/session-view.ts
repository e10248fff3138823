import type { Attributes, Authentication, Device } from '../../core/domain/events.ts'
import type { SessionId } from '../../core/domain/ids.ts'
import type { Session } from '../../core/domain/verdict.ts'
import { ColdReader, idPlace, noExtras, subjectText, type Extras } from './cold.ts'
import type { Dictionary } from './dictionary.ts'
import { idText, wordSpan } from './words.ts'

/** Which token the view was made for: the current one, the pending one, or the nth of the previous ones. */
export const currentToken = -1
export const pendingToken = -2

/**
 * A `Session` that decodes only what is asked for, straight from its blob. The blob never changes, and the view keeps
 * it alive, so the view stays what it was when the session changes, ends or is reclaimed.
 *
 * The fields are getters of the class, not properties of the object: a check makes a view in about 25 ns, where own
 * accessors took 1,700 ns and decoding everything more. So spreading one (`{ ...session }`) gives an empty object; use
 * `session.toJSON()`, which is also what JSON.stringify and console.log show.
 */
export class SessionView implements Session {
  readonly #dictionary: Dictionary
  readonly #bytes: Uint8Array
  readonly #at: number
  /** A time in two small integers: as one number it would be an object of its own. */
  readonly #seenHigh: number
  readonly #seenLow: number
  readonly #token: number
  #decoded: ColdReader | undefined

  /** `seenHigh`, `seenLow`: when it was last seen, in units of 2^32 ms and the signed 32 bits of the rest. */
  constructor(
    dictionary: Dictionary, bytes: Uint8Array, at: number, seenHigh: number, seenLow: number, token: number
  ) {
    this.#dictionary = dictionary
    this.#bytes = bytes
    this.#at = at
    this.#seenHigh = seenHigh
    this.#seenLow = seenLow
    this.#token = token
  }

  get id(): SessionId {
    return idText(this.#bytes, idPlace(this.#bytes, this.#at))
  }

  get subject(): string | null {
    return subjectText(this.#bytes, this.#at)
  }

  get tenant(): string | null {
    return this.#dictionary.tenants[this.#cold().tenant]!
  }

  get version(): number {
    return this.#cold().version
  }

  get startedAt(): number {
    return this.#cold().startedAt
  }

  get lastSeenAt(): number {
    return this.#seenHigh * wordSpan + (this.#seenLow >>> 0)
  }

  get expiresAt(): number {
    const cold = this.#cold()
    const { idle, absolute } = this.#dictionary.limits[cold.limits]!
    return Math.min(this.lastSeenAt + idle, cold.startedAt + absolute)
  }

  get authentication(): Authentication {
    const cold = this.#cold()
    if (this.#token === currentToken) {
      return cold.authentication(this.#dictionary, cold.means === 0 ? cold.extras() : noExtras)
    }
    const { pending, previous } = cold.extras()
    return this.#token === pendingToken ? pending!.authentication : previous![this.#token]!.authentication
  }

  get device(): Device | null {
    return this.#extras().device ?? null
  }

  get attributes(): Attributes {
    return this.#extras().attributes ?? {}
  }

  toJSON(): Session {
    const { id, subject, tenant, version, startedAt, lastSeenAt, expiresAt, authentication, device, attributes } = this
    return { id, subject, tenant, version, startedAt, lastSeenAt, expiresAt, authentication, device, attributes }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): Session {
    return this.toJSON()
  }

  #cold(): ColdReader {
    if (this.#decoded === undefined) {
      this.#decoded = new ColdReader()
      this.#decoded.read(this.#bytes, this.#at)
    }
    return this.#decoded
  }

  #extras(): Extras {
    return this.#cold().extras()
  }
}
