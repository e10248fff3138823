import { isUtf8 } from 'node:buffer'
import { createHash, createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { Message, MessageRefusal, Sender } from '../../core/store/broadcast.ts'
import { readBody, writeBody } from './body.ts'

/**
 * A message on the wire is text: one line, then a JSON body.
 *
 *     curfew/1 <cluster> <proof> <digest>
 *     {"from":["app-1","0m3k1c9ab-x7Qz2LpE",12],"kind":"goodbye"}
 *
 * The digest is base64url of 32 bytes over version, cluster and body. Proof `key`: HMAC-SHA-256 with the cluster's key.
 * Proof `sum`: SHA-256, for a cluster without a key; it tells damage and nothing else.
 */
export interface Codec {
  readonly encode: (message: Message, from: Sender) => Encoded
  /** Never throws, whatever the bytes. What is not taken comes back as the reason why not. */
  readonly decode: (bytes: Uint8Array) => Heard | MessageRefusal
}

/** `unfit`: no node would take it; says why. */
export type Encoded = { readonly bytes: Uint8Array } | { readonly unfit: string }
export interface Heard {
  readonly message: Message
  readonly from: Sender
}

const protocolVersion = 1
/** Bytes of a whole message. Looked at before anything else. */
export const messageBytesMax = 65_536
/** The longest first line: 'curfew/', a version, a cluster of 64, the proof and its digest. */
const lineBytesMax = 160
const newline = 0x0a

/** A cluster's name: it stands in subjects and first lines. */
export const clusterPattern = /^[A-Za-z0-9_-]{1,64}$/
const versionPattern = /^curfew\/([1-9][0-9]{0,8}) /
const linePattern = /^curfew\/1 ([A-Za-z0-9_-]{1,64}) (key|sum) ([A-Za-z0-9_-]{43})$/

const digestOf = (key: KeyObject | undefined, head: string, body: string | Uint8Array): string =>
  (key === undefined ? createHash('sha256') : createHmac('sha256', key)).update(head).update(body).digest('base64url')

/** Both are 43 characters of ASCII. */
const sameDigest = (a: string, b: string): boolean =>
  timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))

/** The codec of one cluster; its name is of `clusterPattern`. With a key, only what was made with that key is taken. */
export const makeCodec = (cluster: string, key?: KeyObject): Codec => {
  const proof = key === undefined ? 'sum' : 'key'
  const signed = `curfew/${protocolVersion} ${cluster}\n`
  const before = `curfew/${protocolVersion} ${cluster} ${proof} `

  const encode = (message: Message, from: Sender): Encoded => {
    const body = writeBody(message, from)
    if ('unfit' in body) return body
    const bytes = Buffer.from(`${before}${digestOf(key, signed, body.text)}\n${body.text}`)
    return bytes.length > messageBytesMax
      ? { unfit: `a ${message.kind} of ${bytes.length} bytes, and a message may have ${messageBytesMax}` }
      : { bytes }
  }

  const decode = (bytes: Uint8Array): Heard | MessageRefusal => {
    if (bytes.length > messageBytesMax) return 'too-large'
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const start = buffer.toString('latin1', 0, lineBytesMax)
    const version = versionPattern.exec(start)?.[1]
    if (version === undefined) return 'not-ours'
    if (version !== String(protocolVersion)) return 'version'
    const end = buffer.indexOf(newline)
    const line = end < 0 || end > lineBytesMax ? null : linePattern.exec(start.slice(0, end))
    if (line === null) return 'malformed'
    if (line[1] !== cluster) return 'foreign-cluster'
    if (line[2] !== proof) return 'unauthenticated'
    const body = buffer.subarray(end + 1)
    if (!sameDigest(line[3]!, digestOf(key, signed, body))) return key === undefined ? 'malformed' : 'unauthenticated'
    return isUtf8(body) ? readBody(body.toString()) : 'malformed'
  }

  return { encode, decode }
}
