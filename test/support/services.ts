/**
 * The servers that the tests and the example use and that npm cannot bring.
 *
 *   npm run services              nats-server
 *   npm run services -- --bench   redis-server as well, which one of the benchmark's peers needs
 *
 * What is missing is got where that needs no question: from the system's packages as root, or by a Go toolchain. Else it
 * says what to do; the suites that need it are then skipped by name, which in CI is a failure.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdirSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const folder = join(root, '.services')

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A program of this name: in the folder .services of the checkout, or on the PATH. */
const find = (name: string): string | undefined =>
  [folder, ...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
    .map((where) => join(where, name)).find(isExecutable)

/** The nats-server to use: that of CURFEW_NATS_SERVER, or one of the machine; undefined: there is none. */
export const findNatsServer = (): string | undefined => process.env['CURFEW_NATS_SERVER'] ?? find('nats-server')
export const findRedisServer = (): string | undefined => find('redis-server')

const run = (command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): boolean => {
  console.log(`services: ${command} ${args.join(' ')}`)
  return spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...env } }).status === 0
}

const fromPackages = (name: string): boolean => {
  if (process.getuid?.() !== 0 || find('apt-get') === undefined) return false
  const install = ['install', '--yes', '--no-install-recommends', name]
  const quiet = { DEBIAN_FRONTEND: 'noninteractive' }
  return run('apt-get', install, quiet) || (run('apt-get', ['update'], quiet) && run('apt-get', install, quiet))
}

const withGo = (module: string): boolean => {
  if (find('go') === undefined) return false
  mkdirSync(folder, { recursive: true })
  return run('go', ['install', module], { GOBIN: folder })
}

const howToGet: Readonly<Record<string, string>> = {
  'nats-server': `services: there is no nats-server here, and no way to get one without asking you. Any of these will do:
    Debian, Ubuntu    sudo apt-get install nats-server
    macOS             brew install nats-server
    Go                GOBIN="$PWD/.services" go install github.com/nats-io/nats-server/v2@latest
    anything else     put a nats-server on the PATH, or its path into CURFEW_NATS_SERVER`,
  'redis-server': `services: there is no redis-server here; the benchmark leaves out connect-redis without it:
    Debian, Ubuntu    sudo apt-get install redis-server
    macOS             brew install redis`
}

/** Whether the server is there in the end. */
const provide = (name: string, look: () => string | undefined, get: () => boolean): boolean => {
  const found = look() ?? (get() ? look() : undefined)
  console.log(found === undefined ? howToGet[name] : `services: ${name} is ${found}`)
  return found !== undefined
}

if (import.meta.main) {
  const provided = [provide('nats-server', findNatsServer, () =>
    fromPackages('nats-server') || withGo('github.com/nats-io/nats-server/v2@latest'))]
  if (process.argv.includes('--bench')) {
    provided.push(provide('redis-server', findRedisServer, () => fromPackages('redis-server')))
  }
  if (process.env['CI'] === 'true' && provided.includes(false)) process.exitCode = 1
}
