import * as Schema from 'effect/Schema'

const sessionIdPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const digestPattern = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/
const commandIdPattern = /^[A-Za-z0-9_-]{1,64}$/

/**
 * The public name of a session: a UUID version 7 (RFC 9562), so it sorts by the time of its start. It is no credential
 * and may stand in logs, lists and admin pages.
 */
export const SessionId = Schema.String.check(
  Schema.isPattern(sessionIdPattern)
).pipe(Schema.brand('SessionId'))
export type SessionId = typeof SessionId.Type

/** SHA-256 of a token, base64url, 43 characters. The only trace of a token in log, index, snapshot and broadcast. */
export const Digest = Schema.String.check(Schema.isPattern(digestPattern))
  .pipe(Schema.brand('Digest'))
export type Digest = typeof Digest.Type

/** Names one intent to write. A retry keeps it, so that the fold can take only the first of its occurrences. */
export const CommandId = Schema.String.check(Schema.isPattern(commandIdPattern)).pipe(Schema.brand('CommandId'))
export type CommandId = typeof CommandId.Type

/** The longest subject, tenant or node name, in UTF-16 code units. */
export const nameLengthMax = 256

/** Whom a session belongs to: the app's user id. */
export const Subject = Schema.String.check(Schema.isBetweenLength(1, nameLengthMax))
/** A namespace over subjects. */
export const Tenant = Schema.String.check(Schema.isBetweenLength(1, nameLengthMax))
export const NodeName = Schema.String.check(Schema.isBetweenLength(1, nameLengthMax))

export const isSessionId = (value: unknown): value is SessionId =>
  typeof value === 'string' && value.length === 36 && sessionIdPattern.test(value)

export const isDigest = (value: unknown): value is Digest => typeof value === 'string' && digestPattern.test(value)
export const isCommandId = (value: unknown): value is CommandId =>
  typeof value === 'string' && commandIdPattern.test(value)

/** Fills and returns `bytes` CSPRNG bytes. Passed in, so that a simulator can own chance. */
export type Random = (bytes: number) => Uint8Array

const dash = 0x2d
const hexDigits = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))

/** A new session id: 48 bits of `now` (ms), 74 random bits. */
export const mintSessionId = (now: number, random: Random): SessionId => {
  const bytes = new Uint8Array(16)
  bytes.set(random(10), 6)
  let rest = Math.floor(now)
  for (let i = 5; i >= 0; i--) {
    bytes[i] = rest % 256
    rest = Math.floor(rest / 256)
  }
  bytes[6] = 0x70 | (bytes[6]! & 0x0f)
  bytes[8] = 0x80 | (bytes[8]! & 0x3f)
  const codes: number[] = []
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) codes.push(dash)
    codes.push(hexDigits[bytes[i]! >> 4]!, hexDigits[bytes[i]! & 15]!)
  }
  return text(codes) as SessionId
}

/** At once, for a string that grew by letters has to be put together by whoever reads it. */
const text = (codes: readonly number[]): string => String.fromCharCode(...codes)

const alphabet = Uint8Array.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', (letter) => letter.charCodeAt(0))

/** base64url without padding. Written here because the domain must run where there is no Buffer. */
export const base64url = (bytes: Uint8Array): string => {
  const codes: number[] = []
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    codes.push(alphabet[group >> 18]!, alphabet[(group >> 12) & 63]!)
    if (left > 1) codes.push(alphabet[(group >> 6) & 63]!)
    if (left > 2) codes.push(alphabet[group & 63]!)
  }
  return text(codes)
}

/** A new command id: 120 random bits. */
export const mintCommandId = (random: Random): CommandId => base64url(random(15)) as CommandId
