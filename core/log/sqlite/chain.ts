import { hash } from 'node:crypto'

/**
 * The hash of a record: SHA-256 over the hash of the record before it (32 bytes), its number (8 bytes, big endian) and
 * its text (UTF-8). So whoever changes, removes or moves a record without computing every later hash anew is found out.
 *
 * In memory a hash is a string of 32 characters, one a byte ('latin1'): in Node it takes a third of the time of a
 * Buffer to make and to compare (0.65 against 1.9 us for a record of 420 bytes, both with the hashing).
 */
export type Link = string & { readonly link: unique symbol }

/** Behind how many records, and the hash of the last of them. */
export interface Place {
  readonly seq: number
  readonly hash: Link
}

export const linkLength = 32

/** What stands for the hash before the first record. */
export const genesis = '\0'.repeat(linkLength) as Link

const headLength = linkLength + 8
/** Most records fit. Of the thread that has loaded this module, and used within one call only. */
const scratch = Buffer.allocUnsafeSlow(65_536)

/** The hash of the record `seq` that says `body`, behind the record with the hash `previous`. */
export const link = (previous: Link, seq: number, body: string): Link => {
  const lengthMax = headLength + body.length * 3
  const bytes = lengthMax <= scratch.length ? scratch : Buffer.allocUnsafe(lengthMax)
  bytes.write(previous, 0, 'latin1')
  bytes.writeUInt32BE(Math.floor(seq / 0x1_0000_0000), linkLength)
  bytes.writeUInt32BE(seq >>> 0, linkLength + 4)
  const length = headLength + bytes.write(body, headLength, 'utf8')
  return hash('sha256', bytes.subarray(0, length), 'latin1') as Link
}

export const toBytes = (value: Link): Buffer => Buffer.from(value, 'latin1')

/** The hash that a row holds, or undefined if what it holds is none. */
export const fromBytes = (value: unknown): Link | undefined =>
  value instanceof Uint8Array && value.length === linkLength
    ? Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1') as Link
    : undefined

export const toHex = (value: Link): string => toBytes(value).toString('hex')
