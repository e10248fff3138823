import { hash } from 'node:crypto'

/**
 * The floor under every design that hashes a token and looks it up: one bare hash of the token, and one read of a
 * random 64-byte line in a table of one line a session. Nothing is compared, no clock is read, no answer is made.
 */
export interface Floor {
  /** The sum of what was read, of all tokens. */
  readonly readAll: (tokens: readonly string[]) => number
  /** The same, worked out another way: what `readAll` must give. */
  readonly expected: (tokens: readonly string[]) => number
}

const wordsPerLine = 16

const lineOf = (digest: string, lines: number): number => {
  const chance = digest.charCodeAt(0) | digest.charCodeAt(1) << 8
    | digest.charCodeAt(2) << 16 | digest.charCodeAt(3) << 24
  return Math.floor((chance >>> 0) / 0x1_0000_0000 * lines)
}

const readAll = (table: Int32Array, lines: number, tokens: readonly string[]): number => {
  let sum = 0
  for (let i = 0; i < tokens.length; i++) {
    sum += table[lineOf(hash('sha256', tokens[i]!, 'latin1'), lines) * wordsPerLine]!
  }
  return sum
}

export const floorOf = (sessions: number): Floor => {
  const table = new Int32Array(new SharedArrayBuffer(sessions * wordsPerLine * 4))
  // Every line is written, so that it is memory of its own and not the system's one page of zeros.
  for (let line = 0; line < sessions; line++) table[line * wordsPerLine] = line % 1_000 + 1
  return {
    readAll: (tokens) => readAll(table, sessions, tokens),
    expected: (tokens) => tokens.reduce((sum, token) => {
      const digest = hash('sha256', token, 'buffer')
      return sum + Math.floor(digest.readUInt32LE(0) / 0x1_0000_0000 * sessions) % 1_000 + 1
    }, 0)
  }
}
