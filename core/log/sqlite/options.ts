import type { KeyObject } from 'node:crypto'
import { resolve } from 'node:path'
import type { DurationInput } from '../../domain/limits.ts'
import { InvalidOptions } from '../../errors.ts'
import { checkKey } from '../../key.ts'
import type { Secret } from '../../secret.ts'
import { checkRetention } from '../retention.ts'

/** Where the log is. */
export interface SqliteLogOptions {
  /** The file; made where there is none, in a folder that exists. Default: 'curfew.db' in the working directory. */
  readonly path?: string
  /**
   * How long an event is kept at least, in small steps behind which the file's room is used again. Must be longer than
   * the longest absolute limit of a session, by a tenth and some seconds more. Default: 90 days.
   */
  readonly retention?: DurationInput | 'forever'
  /**
   * A secret, 16 to 1,024 bytes, that signs where the log begins once its oldest events are gone: so `verifyLog` tells
   * pruning from a beginning that somebody has cut off. All nodes have the same.
   */
  readonly key?: Secret<string | Uint8Array>
}

/** The options, checked and completed. */
export interface SqliteSettings {
  readonly path: string
  readonly retentionMs: number | null
  readonly key: KeyObject | undefined
}

const pathDefault = 'curfew.db'

const known = ['path', 'retention', 'key']

/** What the options come to, or what is wrong with them. */
export const checkOptions = (options: unknown): SqliteSettings | InvalidOptions => {
  if (typeof options !== 'object' || options === null) {
    const message = `sqliteLog takes an object like { path: '${pathDefault}' }, or nothing.`
    return new InvalidOptions({ option: 'sqliteLog', message })
  }
  const stranger = Object.keys(options).find((option) => !known.includes(option))
  if (stranger !== undefined) {
    const message = `sqliteLog has no option '${stranger}'; it has: ${known.join(', ')}.`
    return new InvalidOptions({ option: stranger, message })
  }
  const given: SqliteLogOptions = options
  const path = checkPath(given.path === undefined ? pathDefault : given.path)
  if (path instanceof InvalidOptions) return path
  const retentionMs = checkRetention(given.retention)
  if (retentionMs instanceof InvalidOptions) return retentionMs
  const key = checkKey(given.key)
  return key instanceof InvalidOptions ? key : { path, retentionMs, key }
}

/** An absolute path, so that it stays the same file when the process changes its directory, or what is wrong. */
export const checkPath = (path: unknown): string | InvalidOptions => {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    return new InvalidOptions({ option: 'path', message: 'The option path must be the name of a file.' })
  }
  if (path === ':memory:' || path.startsWith('file:')) {
    return new InvalidOptions({
      option: 'path',
      message: 'The option path must be the name of a file, not a URI; for a log in memory use memoryLog().'
    })
  }
  return resolve(path)
}
