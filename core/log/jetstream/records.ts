import { deflateSync, inflateSync } from 'node:zlib'
import { decodeText } from '../codec.ts'
import type { StoredEvent } from '../port.ts'
import { position, type Position } from '../position.ts'

/**
 * A message of the stream holds the events of one append, so that it stands whole or not at all: a JSON text each, one a
 * line. One that is too large for the server is deflated, which shows in its first byte.
 *
 * Message number s of the stream (from 1) has the offsets up to s * spread - 1, its last event that one, and the events
 * before it those right below. So the number of the last message alone says where the log ends, and a place can lie
 * between two events of a message.
 */
const spread = 8_192

/** The most events of one append. */
export const eventsMax = spread

/** A damaged or foreign message must not take all memory. */
const inflatedBytesMax = 67_108_864
const brace = 0x7b
/** The first byte of what deflateSync gives. */
const deflated = 0x78

/** The place behind the message with this number. */
export const behind = (seq: number): Position => position([seq * spread])

/** How many messages lie wholly before a place. */
export const messagesBefore = (from: Position): number => Math.floor((from[0] ?? 0) / spread)

/** How many messages must stand for there to be such a place. */
export const messagesNeeded = (from: Position): number => Math.ceil((from[0] ?? 0) / spread)

/** The bytes of a message, or undefined: the events do not fit. */
export const pack = (texts: readonly string[], bytesMax: number): Uint8Array | undefined => {
  const bytes = Buffer.from(texts.join('\n'))
  if (bytes.length <= bytesMax) return bytes
  const small = deflateSync(bytes)
  return small.length <= bytesMax ? small : undefined
}

/** The texts of a message. Never throws: what is none of ours comes back as one text that does not decode. */
export const unpack = (data: Uint8Array): readonly string[] => {
  const texts = textOf(data).split('\n')
  return texts.length <= eventsMax ? texts : ['']
}

const textOf = (data: Uint8Array): string => {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  if (bytes[0] === brace || bytes[0] !== deflated) return bytes.toString()
  try {
    return inflateSync(bytes, { maxOutputLength: inflatedBytesMax }).toString()
  } catch {
    return ''
  }
}

/** The record that the text with this index is, of so many in the message with this number. */
export const recordAt = (seq: number, count: number, index: number, text: string): StoredEvent =>
  ({ partition: 0, offset: seq * spread - count + index, event: decodeText(text) })

/** Which of the texts of a message is the first that does not lie before a place. */
export const firstBehind = (seq: number, count: number, from: Position): number =>
  Math.min(count, Math.max(0, (from[0] ?? 0) - (seq * spread - count)))
