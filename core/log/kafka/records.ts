import { type DomainEvent, orderingKey } from '../../domain/events.ts'
import type { Message, Raw } from '../../kafka/api.ts'
import { decodeText } from '../codec.ts'
import type { StoredEvent } from '../port.ts'

/** An event in a partition: the text that all logs have of it, with its ordering key as Kafka's key. */
export const recordAt = (partition: number, { offset, text }: Raw): StoredEvent => ({
  partition, offset,
  event: text === null
    ? { type: 'Unreadable', concerns: 'nothing', detail: 'a mark of a transaction' }
    : decodeText(text)
})

/** What the events of one append put into each partition, in their order. `texts` are theirs. */
export const spread = (
  events: readonly DomainEvent[], texts: readonly string[], partitions: number
): ReadonlyMap<number, readonly Message[]> => {
  const messages = new Map<number, Message[]>()
  const put = (partition: number, message: Message): void => {
    const own = messages.get(partition)
    if (own === undefined) messages.set(partition, [message])
    else own.push(message)
  }
  events.forEach((event, i) => {
    const place = orderingKey(event)
    const value = texts[i]!
    if (place === 'every') for (let p = 0; p < partitions; p++) put(p, { key: null, value })
    else if (place === 'any') put(0, { key: null, value })
    else put(partitionOf(place.key, partitions), { key: place.key, value })
  })
  return messages
}

/** The partition of a key: the same that every client of Kafka takes that does as the Java client does. */
export const partitionOf = (key: string, partitions: number): number =>
  (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions

const seed = 0x9747b28c
const factor = 0x5bd1e995

const murmur2 = (data: Buffer): number => {
  const whole = data.length & ~3
  let hash = seed ^ data.length
  for (let i = 0; i < whole; i += 4) {
    const word = Math.imul(data.readInt32LE(i), factor)
    hash = Math.imul(hash, factor) ^ Math.imul(word ^ (word >>> 24), factor)
  }
  if (data.length > whole) {
    for (let i = data.length - 1; i >= whole; i--) hash ^= data[i]! << (8 * (i - whole))
    hash = Math.imul(hash, factor)
  }
  hash = Math.imul(hash ^ (hash >>> 13), factor)
  return hash ^ (hash >>> 15)
}
