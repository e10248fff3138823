import { digestOf, tokenBytes, type Token } from '../../core/domain/token.ts'
import { mintSessionId, type CommandId, type SessionId } from '../../core/domain/ids.ts'
import type { SessionStarted } from '../../core/domain/events.ts'
import { defaultLimits } from '../../core/domain/limits.ts'
import { chance } from './chance.ts'

/**
 * Sessions by number. Everything about session `i` can be made again from `i`, so that ten million of them need no
 * memory but the one that is measured.
 */
export interface Population {
  readonly size: number
  readonly token: (i: number) => Token
  readonly id: (i: number) => SessionId
  /** 16 characters, another one for each session. */
  readonly subject: (i: number) => string
  readonly started: (i: number) => SessionStarted
}

/** `startedAt`: wall clock, ms. All sessions start within the second after it. */
export const population = (size: number, startedAt: number, seed = 1): Population => {
  const tokenBuffer = Buffer.alloc(tokenBytes)
  const token = (i: number): Token => {
    tokenBuffer.set(chance(i, seed * 2).bytes(tokenBytes))
    return tokenBuffer.toString('base64url') as Token
  }
  const at = (i: number): number => startedAt + Math.floor(i / size * 1_000)
  const id = (i: number): SessionId => mintSessionId(at(i), chance(i, seed * 2 + 1).bytes)
  const subject = (i: number): string => `user-${String(i).padStart(11, '0')}`
  return {
    size, token, id, subject,
    started: (i) => ({
      v: 1, type: 'SessionStarted', at: at(i), by: 'bench', command: `start-${seed}-${i}` as CommandId,
      session: id(i), subject: subject(i), tenant: null, digest: digestOf(token(i)), limits: defaultLimits,
      authentication: { level: 'aal1', methods: ['password'], at: at(i) }, device: null, attributes: {}, continues: null
    })
  }
}
