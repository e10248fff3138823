/**
 * The programs that the tests and the example use and that npm does not bring with the dependencies.
 *
 *   npm run services              nats-server, Kafka, and the oldest Node that the package supports
 *   npm run services -- --bench   redis-server as well, for the benchmark
 *
 * What is missing is got where that needs no question: from the system's packages as root, by a Go toolchain, or by
 * Maven, which is got as well. Else it says what to do; the suites that need it are then skipped by name, which in CI is a failure.
 *
 * A nats-server is got in its newest version where there is a Go toolchain, even if the system has an older one. To run
 * everything on an older one, which must pass as well (2.9 is the oldest that is tried), name it:
 *
 *   CURFEW_NATS_SERVER=/usr/sbin/nats-server npm test
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const folder = join(root, '.services')

/** The first that `engines` of package.json allows. */
export const oldestNodeVersion = '22.18.0'

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A program of this name: in the folder .services of the checkout, on the PATH, or where Debian puts servers. */
const find = (name: string): string | undefined =>
  [folder, ...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
    .map((where) => join(where, name)).find(isExecutable)

/** The nats-server to use: the one that CURFEW_NATS_SERVER names, or one of the machine; undefined: there is none. */
export const findNatsServer = (): string | undefined => {
  const named = process.env['CURFEW_NATS_SERVER']
  if (named === undefined) return find('nats-server')
  return isExecutable(named) ? named : undefined
}
export const findRedisServer = (): string | undefined => find('redis-server')

export const findJava = (): string | undefined => find('java')

const pom = join(root, 'test', 'support', 'kafka', 'pom.xml')
const kafkaFolder = join(folder, 'kafka-4.2.0')

/** The folder with the jars of a Kafka broker. */
export const findKafka = (): string | undefined => existsSync(join(kafkaFolder, 'complete')) ? kafkaFolder : undefined

// Names of the packages that hold the binary of one platform: what the package `node` chooses from as well.
const nodePlatform = process.platform === 'win32' ? 'win' : process.platform
const nodePackage = [
  nodePlatform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node', nodePlatform, process.arch
].join('-')
const nodeFolder = join(folder, `node-${oldestNodeVersion}`)

/** The oldest Node that the package supports. */
export const findOldestNode = (): string | undefined =>
  ['bin/node', 'bin/node.exe'].map((file) => join(nodeFolder, 'node_modules', nodePackage, file)).find(isExecutable)

const run = (command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): boolean => {
  console.log(`services: ${command} ${args.join(' ')}`)
  const { status } = spawnSync(command, args, {
    stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...env }
  })
  return status === 0
}

const fromPackages = (...names: readonly string[]): boolean => {
  if (process.getuid?.() !== 0 || find('apt-get') === undefined) return false
  const install = ['install', '--yes', '--no-install-recommends', ...names]
  const quiet = { DEBIAN_FRONTEND: 'noninteractive' }
  return run('apt-get', install, quiet) || (run('apt-get', ['update'], quiet) && run('apt-get', install, quiet))
}

const withGo = (module: string): boolean => {
  if (find('go') === undefined) return false
  mkdirSync(folder, { recursive: true })
  return run('go', ['install', module], { GOBIN: folder })
}

const withNpm = (name: string, where: string): boolean => {
  mkdirSync(where, { recursive: true })
  return run('npm', ['install', '--prefix', where, '--no-save', '--ignore-scripts', '--loglevel=error', name])
}

const withMaven = (): boolean => {
  if (find('mvn') === undefined) return false
  const got = run('mvn', [
    '--batch-mode', '--quiet', '--file', pom, 'dependency:copy-dependencies', '-DincludeScope=runtime',
    `-DoutputDirectory=${kafkaFolder}`
  ])
  if (got) writeFileSync(join(kafkaFolder, 'complete'), '')
  return got
}

interface Service {
  readonly name: string
  readonly find: () => string | undefined
  /** Whether what is found is good enough not to look for a better one. */
  readonly isGood: () => boolean
  readonly get: () => boolean
  readonly how: string
}

const whereNatsIsLookedFor = process.env['CURFEW_NATS_SERVER'] === undefined
  ? 'on this machine, and no way to get one without asking you'
  : `at ${process.env['CURFEW_NATS_SERVER']}, which CURFEW_NATS_SERVER names`

const natsServer: Service = {
  name: 'nats-server',
  find: findNatsServer,
  isGood: () => process.env['CURFEW_NATS_SERVER'] !== undefined || isExecutable(join(folder, 'nats-server')),
  get: () => withGo('github.com/nats-io/nats-server/v2@latest') || find('nats-server') !== undefined
    || fromPackages('nats-server'),
  how: `services: there is no nats-server ${whereNatsIsLookedFor}. Any of these will do:
    Debian, Ubuntu    sudo apt-get install nats-server
    macOS             brew install nats-server
    Go                GOBIN="$PWD/.services" go install github.com/nats-io/nats-server/v2@latest
    anything else     put a nats-server on the PATH, or its path into CURFEW_NATS_SERVER
  The tests start their own servers from it. To run the broadcast of an app, docker compose up -d --wait does as well.`
}

const kafka: Service = {
  name: 'kafka',
  find: () => findJava() && findKafka(),
  isGood: () => findJava() !== undefined && findKafka() !== undefined,
  get: () => {
    if (findJava() === undefined || find('mvn') === undefined) fromPackages('maven', 'openjdk-17-jre-headless')
    return findKafka() !== undefined || withMaven()
  },
  how: `services: there is no Kafka on this machine, and no way to get one without asking you. It needs Java 17 or newer,
  and Maven, which then gets it:
    Debian, Ubuntu    sudo apt-get install maven openjdk-17-jre-headless
    macOS             brew install maven openjdk
  The tests start their own brokers from it. To run the log of an app, docker compose up -d --wait does as well.`
}

const oldestNode: Service = {
  name: `node ${oldestNodeVersion}`,
  find: findOldestNode,
  isGood: () => findOldestNode() !== undefined,
  get: () => withNpm(`${nodePackage}@${oldestNodeVersion}`, nodeFolder),
  how: `services: there is no Node ${oldestNodeVersion} to be had; that the package runs on it stays untested here.`
}

const redisServer: Service = {
  name: 'redis-server',
  find: findRedisServer,
  isGood: () => findRedisServer() !== undefined,
  get: () => fromPackages('redis-server'),
  how: `services: there is no redis-server here; the benchmark leaves out connect-redis without it:
    Debian, Ubuntu    sudo apt-get install redis-server
    macOS             brew install redis`
}

/** The line on this service, if it is there in the end. */
const provide = (service: Service): string | undefined => {
  if (!service.isGood()) service.get()
  const found = service.find()
  if (found === undefined) console.log(service.how)
  return found && `${service.name} (${found})`
}

if (import.meta.main) {
  const wanted = [natsServer, kafka, oldestNode, ...process.argv.includes('--bench') ? [redisServer] : []]
  const there = wanted.map(provide).filter((line) => line !== undefined)
  if (there.length > 0) console.log(`services: ${there.join(', ')}`)
  if (process.env['CI'] === 'true' && there.length < wanted.length) process.exitCode = 1
}
