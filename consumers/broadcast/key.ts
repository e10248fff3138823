import { createSecretKey, type KeyObject } from 'node:crypto'
import { InvalidOptions } from '../../core/errors.ts'

const keyBytesMin = 16
const keyBytesMax = 1_024

/** What a cluster's members have in common. */
export interface ClusterOptions {
  /** The cluster's name: 1 to 64 of A-Z a-z 0-9 _ and -. Nodes of other names neither hear nor are heard. */
  readonly cluster: string
  /**
   * The cluster's secret, 16 to 1,024 bytes (a string counts in UTF-8). With it, only messages that were made with it
   * are taken, and every node must have the same. Without it, whoever can publish on the server can end sessions.
   */
  readonly key?: string | Uint8Array
}

/** Kept as a KeyObject: it does not show when something that holds it is printed. */
export const checkKey = (key: unknown): KeyObject | undefined | InvalidOptions => {
  if (key === undefined) return undefined
  const bytes = typeof key === 'string' ? Buffer.from(key) : key
  return bytes instanceof Uint8Array && bytes.length >= keyBytesMin && bytes.length <= keyBytesMax
    ? createSecretKey(bytes)
    : new InvalidOptions({
      option: 'key',
      message: `The option key must be a string or Uint8Array of ${keyBytesMin} to ${keyBytesMax} bytes, `
        + "made by chance: such as randomBytes(32).toString('base64')."
    })
}
