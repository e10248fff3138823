import { randomFillSync } from 'node:crypto'
import type { Random } from './domain/ids.ts'

const poolBytes = 4_096

/**
 * The operating system's randomness by way of OpenSSL's CSPRNG, fetched in larger pieces: a call into it costs ten
 * times what the bytes of a token do. What has been given out is wiped from the piece at once.
 */
export const makeRandom = (): Random => {
  const pool = new Uint8Array(poolBytes)
  let used = poolBytes
  return (bytes) => {
    if (bytes > poolBytes) return randomFillSync(new Uint8Array(bytes))
    if (used + bytes > poolBytes) {
      randomFillSync(pool)
      used = 0
    }
    const given = pool.slice(used, used + bytes)
    pool.fill(0, used, used + bytes)
    used += bytes
    return given
  }
}
