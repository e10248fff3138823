import { hash } from 'node:crypto'
import type { Digest, SessionId } from '../../core/domain/ids.ts'
import { digestOf, type Token } from '../../core/domain/token.ts'

const tokenAt = (i: number): Token => {
  const text = hash('sha256', `token ${i}`, 'base64url')
  return (text + text.slice(0, 9)) as Token
}

/**
 * Tokens of which the first ones come in pairs whose digests share their first 32 bits, found by trying: 400,000 tokens
 * have about 18 such pairs.
 */
const mine = (): readonly Token[] => {
  const byWord = new Map<string, number>()
  const paired: Token[] = []
  for (let i = 0; i < 400_000; i++) {
    const word = hash('sha256', tokenAt(i), 'latin1').slice(0, 4)
    const other = byWord.get(word)
    if (other === undefined) byWord.set(word, i)
    else paired.push(tokenAt(other), tokenAt(i))
  }
  return [...paired, ...Array.from({ length: 2_000 }, (_, i) => tokenAt(1_000_000 + i))]
}

let mined: readonly Token[] | undefined
export const tokens = (): readonly Token[] => mined ??= mine()
export const pairedTokens = 20

/** A digest with these first words: nobody knows a token for it. */
export const craftedDigest = (...words: readonly number[]): Digest => {
  const bytes = Buffer.alloc(32)
  words.forEach((word, i) => bytes.writeUInt32LE(word >>> 0, i * 4))
  return bytes.toString('base64url') as Digest
}

export const idAt = (i: number, at = 1_750_000_000_000): SessionId => {
  const time = at.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${i.toString(16).padStart(12, '0')}` as SessionId
}

export { digestOf }
