import { resolve } from 'node:path'
import { InvalidOptions } from '../../errors.ts'

/** Where the log is. */
export interface SqliteLogOptions {
  /** The file; made where there is none, in a folder that exists. Default: 'curfew.db' in the working directory. */
  readonly path?: string
}

const pathDefault = 'curfew.db'

/** The path that the options name, or what is wrong with them. */
export const checkOptions = (options: unknown): string | InvalidOptions => {
  if (typeof options !== 'object' || options === null) {
    const message = `sqliteLog takes an object like { path: '${pathDefault}' }, or nothing.`
    return new InvalidOptions({ option: 'sqliteLog', message })
  }
  for (const option of Object.keys(options)) {
    if (option === 'path') continue
    return new InvalidOptions({ option, message: `sqliteLog has no option '${option}'; it has: path.` })
  }
  return checkPath('path' in options && options.path !== undefined ? options.path : pathDefault)
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
