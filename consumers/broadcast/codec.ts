import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto'
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
const lineLengthMax = 160
/** Of 32 bytes in base64url. */
const digestLength = 43

const versionPattern = /^curfew\/([1-9][0-9]{0,8}) /
const linePattern = /^curfew\/1 ([A-Za-z0-9_-]{1,64}) (key|sum) ([A-Za-z0-9_-]{43})\n/

type Digest = (text: string) => string

/** In a time that does not tell where they differ. */
const sameProof = (claimed: string, proper: string): boolean => {
  const [a, b] = [Buffer.from(claimed), Buffer.from(proper)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/**
 * The codec of one cluster; its name is of `clusterPattern`. With a key, only what was made with that key is taken.
 * Written with few calls: a revocation comes rarely and finds nothing warm, and then each call costs microseconds.
 */
export const makeCodec = (cluster: string, key?: KeyObject): Codec => {
  const signed = `curfew/${protocolVersion} ${cluster}\n`
  const before = `curfew/${protocolVersion} ${cluster} ${key === undefined ? 'sum' : 'key'} `
  const lineLength = before.length + digestLength + 1
  const digest: Digest = key === undefined
    ? (text) => hash('sha256', text, 'base64url')
    : (text) => createHmac('sha256', key).update(text).digest('base64url')

  const encode = (message: Message, from: Sender): Encoded => {
    const body = writeBody(message, from)
    if ('unfit' in body) return body
    const bytes = Buffer.from(`${before}${digest(signed + body.text)}\n${body.text}`)
    return bytes.length > messageBytesMax
      ? { unfit: `a ${message.kind} of ${bytes.length} bytes, and a message may have ${messageBytesMax}` }
      : { bytes }
  }

  /** Why a first line is not the one of this cluster. */
  const stranger = (start: string): MessageRefusal => {
    const version = versionPattern.exec(start)?.[1]
    if (version === undefined) return 'not-ours'
    if (version !== String(protocolVersion)) return 'version'
    const line = linePattern.exec(start)
    if (line === null) return 'malformed'
    return line[1] === cluster ? 'unauthenticated' : 'foreign-cluster'
  }

  const decode = (bytes: Uint8Array): Heard | MessageRefusal => {
    if (bytes.length > messageBytesMax) return 'too-large'
    // What is no UTF-8 does not survive this, and so does not have its digest.
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
    if (!text.startsWith(before) || text[lineLength - 1] !== '\n') return stranger(text.slice(0, lineLengthMax))
    const claimed = text.slice(before.length, lineLength - 1)
    const body = text.slice(lineLength)
    const proper = digest(signed + body)
    if (key === undefined ? claimed !== proper : !sameProof(claimed, proper)) {
      return key === undefined ? 'malformed' : 'unauthenticated'
    }
    return readBody(body)
  }

  return { encode, decode }
}
