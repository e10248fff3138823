import type { Attributes, Authentication, Device } from '../../core/domain/events.ts'
import type { CommandId, SessionId } from '../../core/domain/ids.ts'
import type { LiveSession, PendingToken, PreviousToken } from '../../core/domain/session.ts'
import type { Dictionary, Means } from './dictionary.ts'
import { latinText } from './words.ts'

/**
 * The blob: what of a session is not needed for a verdict. Bytes, in this order, numbers as base-128 varints:
 * length of the whole in units of 4 bytes · flags · id (16 bytes) · [length and text of the subject, one or two bytes a
 * code unit] · limits · [start minus the time in the id, zigzag] · offset of the start · [its partition] · [tenant] ·
 * [version] · means (0: in the extras) · [authenticated minus start, zigzag] · [length and bytes of the extras' JSON]
 */
const hasSubject = 1
const wideSubject = 2
const hasTenant = 4
const hasPartition = 8
const hasAuthenticatedAt = 16
const hasExtras = 32
/** It did not start at the moment that its id tells. */
const hasStart = 64
/** Its version is not 1. */
const hasVersion = 128

/** What few sessions have, as JSON. */
export interface Extras {
  readonly device?: Device
  readonly attributes?: Attributes
  readonly continues?: SessionId
  readonly means?: Means
  /** Of the current token, where it is not the session's first. */
  readonly issuedAt?: number
  readonly pending?: PendingToken
  readonly previous?: readonly PreviousToken[]
  readonly patches?: readonly CommandId[]
}
export const noExtras: Extras = {}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** The time that the id carries: 48 bits from `at`. */
const idTime = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! * 256 + bytes[at + 1]!) * 4_294_967_296
  + ((bytes[at + 2]! << 24 | bytes[at + 3]! << 16 | bytes[at + 4]! << 8 | bytes[at + 5]!) >>> 0)

/** Where the id of the blob at `at` stands: behind the length, of one to four bytes, and the flags. */
export const idPlace = (bytes: Uint8Array, at: number): number => {
  let place = at
  while (bytes[place++]! >= 128);
  return place + 1
}

/** `length` code units of one or two bytes from `at`. */
const unitsText = (bytes: Uint8Array, at: number, length: number, isWide: boolean): string => {
  if (!isWide) return latinText(bytes, at, length)
  let text = ''
  for (let i = at; i < at + length * 2; i += 2) text += String.fromCharCode(bytes[i]! | bytes[i + 1]! << 8)
  return text
}

/** The subject in the blob at `at`, with nothing else of it read: what most readers of a session want. */
export const subjectText = (bytes: Uint8Array, at: number): string | null => {
  const idAt = idPlace(bytes, at)
  const flags = bytes[idAt - 1]!
  if ((flags & hasSubject) === 0) return null
  let place = idAt + 16
  let length = 0
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[place++]!
    length += (byte & 127) * scale
    if (byte < 128) return unitsText(bytes, place, length, (flags & wideSubject) !== 0)
  }
}

/** Takes a blob apart into numbers and places; nothing is decoded that is not asked for. */
export class ColdReader {
  bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  /** In bytes. */
  length = 0
  idAt = 0
  limits = 0
  startedAt = 0
  offset = 0
  partition = 0
  tenant = 0
  version = 0
  means = 0
  authenticatedAt = 0
  subjectAt = 0
  /** In code units; -1: no subject. */
  subjectLength = -1
  subjectIsWide = false
  #extrasAt = 0
  #extrasLength = 0

  read(bytes: Uint8Array, at: number): void {
    this.bytes = bytes
    this.#at = at
    this.length = this.#varint() * 4
    const flags = bytes[this.#at++]!
    this.idAt = this.#at
    this.#at += 16
    this.subjectIsWide = (flags & wideSubject) !== 0
    this.subjectLength = (flags & hasSubject) === 0 ? -1 : this.#varint()
    this.subjectAt = this.#at
    if (this.subjectLength > 0) this.#at += this.subjectIsWide ? this.subjectLength * 2 : this.subjectLength
    this.limits = this.#varint()
    this.startedAt = idTime(bytes, this.idAt) + ((flags & hasStart) === 0 ? 0 : this.#zigzag())
    this.offset = this.#varint()
    this.partition = (flags & hasPartition) === 0 ? 0 : this.#varint()
    this.tenant = (flags & hasTenant) === 0 ? 0 : this.#varint()
    this.version = (flags & hasVersion) === 0 ? 1 : this.#varint()
    this.means = this.#varint()
    this.authenticatedAt = this.startedAt + ((flags & hasAuthenticatedAt) === 0 ? 0 : this.#zigzag())
    this.#extrasLength = (flags & hasExtras) === 0 ? 0 : this.#varint()
    this.#extrasAt = this.#at
  }

  subject(): string | null {
    if (this.subjectLength < 0) return null
    return unitsText(this.bytes, this.subjectAt, this.subjectLength, this.subjectIsWide)
  }

  subjectIs(subject: string): boolean {
    if (this.subjectLength !== subject.length) return false
    for (let i = 0; i < this.subjectLength; i++) if (this.#unit(i) !== subject.charCodeAt(i)) return false
    return true
  }

  hasExtras(): boolean {
    return this.#extrasLength > 0
  }

  extras(): Extras {
    if (this.#extrasLength === 0) return noExtras
    const json = this.bytes.subarray(this.#extrasAt, this.#extrasAt + this.#extrasLength)
    return JSON.parse(decoder.decode(json)) as Extras
  }

  authentication(dictionary: Dictionary, extras: Extras): Authentication {
    const { level, methods } = this.means === 0 ? extras.means! : dictionary.means[this.means - 1]!
    return { level, methods: [...methods], at: this.authenticatedAt }
  }

  #unit(i: number): number {
    const { bytes, subjectAt } = this
    return this.subjectIsWide ? bytes[subjectAt + i * 2]! | bytes[subjectAt + i * 2 + 1]! << 8 : bytes[subjectAt + i]!
  }

  #varint(): number {
    const { bytes } = this
    let byte = bytes[this.#at++]!
    if (byte < 128) return byte
    let value = byte & 127
    for (let scale = 128; ; scale *= 128) {
      byte = bytes[this.#at++]!
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }

  #zigzag(): number {
    const value = this.#varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
}

/** What a blob is made of, apart from the id and the extras. */
export interface ColdFields {
  readonly startedAt: number
  readonly offset: number
  readonly partition: number
  readonly limits: number
  readonly tenant: number
  readonly version: number
  readonly subject: string | null
  readonly authentication: Authentication
}

/** Puts a blob together in `bytes`, of which `length` count. */
export class ColdWriter {
  bytes = new Uint8Array(4_096)
  length = 0
  #at = 0

  /** `means`: an ordinal of the dictionary, or -1 if the extras hold them. */
  write(id: Uint32Array, fields: ColdFields, means: number, extras: string | undefined): void {
    const { subject } = fields
    const json = extras === undefined ? undefined : encoder.encode(extras)
    this.#reserve(256 + (subject === null ? 0 : subject.length * 2) + (json === undefined ? 0 : json.length))
    // Room for the length of the length, which is known at the end.
    this.#at = 4
    const { bytes } = this
    const { at } = fields.authentication
    const flagsAt = this.#at++
    const idAt = this.#at
    for (let i = 0; i < 4; i++) {
      const word = id[i]!
      bytes[this.#at++] = word >>> 24
      bytes[this.#at++] = word >>> 16
      bytes[this.#at++] = word >>> 8
      bytes[this.#at++] = word
    }
    const sinceId = fields.startedAt - idTime(bytes, idAt)
    const isWide = subject !== null && this.#text(subject)
    bytes[flagsAt] = (subject === null ? 0 : hasSubject) | (isWide ? wideSubject : 0)
      | (fields.tenant === 0 ? 0 : hasTenant) | (fields.partition === 0 ? 0 : hasPartition)
      | (at === fields.startedAt ? 0 : hasAuthenticatedAt) | (json === undefined ? 0 : hasExtras)
      | (sinceId === 0 ? 0 : hasStart) | (fields.version === 1 ? 0 : hasVersion)
    this.#varint(fields.limits)
    if (sinceId !== 0) this.#zigzag(sinceId)
    this.#varint(fields.offset)
    if (fields.partition !== 0) this.#varint(fields.partition)
    if (fields.tenant !== 0) this.#varint(fields.tenant)
    if (fields.version !== 1) this.#varint(fields.version)
    this.#varint(means + 1)
    if (at !== fields.startedAt) this.#zigzag(at - fields.startedAt)
    if (json !== undefined) {
      this.#varint(json.length)
      bytes.set(json, this.#at)
      this.#at += json.length
    }
    this.#finish()
  }

  /** Puts the length before the rest and the whole to the front of `bytes`. */
  #finish(): void {
    const body = this.#at - 4
    let digits = 1
    while (Math.ceil((body + digits) / 4) >= 128 ** digits) digits++
    const units = Math.ceil((body + digits) / 4)
    this.bytes.copyWithin(digits, 4, this.#at)
    let rest = units
    for (let i = 0; i < digits; i++) {
      this.bytes[i] = rest % 128 | (i < digits - 1 ? 128 : 0)
      rest = Math.floor(rest / 128)
    }
    this.length = units * 4
  }

  /** One byte a code unit, or two where one will not do: then true. */
  #text(text: string): boolean {
    this.#varint(text.length)
    const { bytes } = this
    const at = this.#at
    let all = 0
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      bytes[at + i] = unit
      all |= unit
    }
    this.#at = at + text.length
    if (all < 256) return false
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      bytes[at + i * 2] = unit
      bytes[at + i * 2 + 1] = unit >>> 8
    }
    this.#at = at + text.length * 2
    return true
  }

  #varint(value: number): void {
    let rest = value
    while (rest >= 128) {
      this.bytes[this.#at++] = rest % 128 | 128
      rest = Math.floor(rest / 128)
    }
    this.bytes[this.#at++] = rest
  }

  #zigzag(value: number): void {
    this.#varint(value >= 0 ? value * 2 : -value * 2 - 1)
  }

  #reserve(bytes: number): void {
    if (this.bytes.length < bytes) this.bytes = new Uint8Array(bytes * 2)
  }
}

/** The extras of a session as JSON, or undefined if it has none. */
export const extrasText = (session: LiveSession, meansInside: boolean): string | undefined => {
  const { device, attributes, continues, current, patches, pending, previous } = session
  let isPlain = device === null && continues === null && pending === null && previous.length === 0
    && patches.length === 0 && !meansInside
    && current.issuedAt === session.startedAt
  if (isPlain) for (const _ in attributes) { isPlain = false; break }
  if (isPlain) return undefined
  const extras: Extras = {
    ...(device === null ? {} : { device }),
    ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
    ...(continues === null ? {} : { continues }),
    ...(meansInside ? { means: { level: current.authentication.level, methods: current.authentication.methods } } : {}),
    ...(current.issuedAt === session.startedAt ? {} : { issuedAt: current.issuedAt }),
    ...(pending === null ? {} : { pending }),
    ...(previous.length === 0 ? {} : { previous }),
    ...(patches.length === 0 ? {} : { patches })
  }
  return JSON.stringify(extras)
}
