import { createSecretKey, type KeyObject } from 'node:crypto'
import { InvalidOptions } from './errors.ts'

const keyBytesMin = 16
const keyBytesMax = 1_024

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
