/** The package as an app gets it: built, packed, installed in an empty folder, and used from there. */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { findOldestNode, oldestNodeVersion } from './support/services.ts'
import { temporaryFolder } from './support/temp.ts'
import { root } from './tidy/files.ts'

/** What it writes to standard output. Rejects with all that it wrote if it fails, or does not end by itself. */
const run = async (cwd: string, command: string, ...args: readonly string[]): Promise<string> => {
  try {
    // Nothing is left behind by a test that gave up: the program is stopped first.
    return (await promisify(execFile)(command, args, { cwd, timeout: command === 'npm' ? 240_000 : 60_000 })).stdout
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout: string; readonly stderr: string }
    throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error })
  }
}

const folder = temporaryFolder()
const app = join(folder, 'app')
const installed = join(app, 'node_modules', 'curfew')

// What it depends on came with the installation of the project itself, so it is in npm's cache.
beforeAll(async () => {
  await run(root, 'npm', 'pack', '--pack-destination', folder)
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  const tarballs = readdirSync(folder).filter((name) => name.endsWith('.tgz')).map((name) => join(folder, name))
  await run(app, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', ...tarballs)
}, 300_000)

const program = `
import { openSessions, sqliteLog } from 'curfew'

const open = () => openSessions({ log: sqliteLog({ path: process.argv[2] }), node: 'app-1' })

const first = await open()
const { token, session } = await first.create({ subject: 'ada', attributes: { theme: 'dark' } })
const { token: other } = await first.create({ subject: 'ada' })
const said = [first.validate(token).ok, first.validate('nonsense')]
await first.revoke({ token })
said.push(first.validate(token))
await first.close()

const second = await open()
said.push(second.validate(token), second.validate(other).ok, second.list({ subject: 'ada' }).length)
said.push(second.get(session.id) === undefined)
await second.create({ subject: 1 }).catch((error) => said.push(error._tag))
await second.close()
console.log(JSON.stringify(said))
`
const answers = [
  true, { ok: false, reason: 'malformed' }, { ok: false, reason: 'ended' },
  { ok: false, reason: 'ended' }, true, 1, true, 'InvalidOptions'
]

const readManifest = () => JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly engines: { readonly node: string }
}

const runProgram = async (node: string, log: string): Promise<unknown> => {
  writeFileSync(join(app, 'program.js'), program)
  return JSON.parse(await run(app, node, 'program.js', log))
}

describe('the package, installed in an empty folder', { timeout: 120_000 }, () => {
  it('works from plain JavaScript', async () => {
    expect(await runProgram(process.execPath, 'plain.db')).toEqual(answers)
  })

  const oldest = findOldestNode()
  const needs = oldest === undefined ? ` (needs Node ${oldestNodeVersion}: npm run services)` : ''
  it.skipIf(oldest === undefined)(`works on the oldest Node that it supports${needs}`, async () => {
    expect(await run(app, oldest!, '--version')).toBe(`v${oldestNodeVersion}\n`)
    expect(`${readManifest().engines.node}.0`).toBe(`>=${oldestNodeVersion}`)
    expect(await runProgram(oldest!, 'oldest.db')).toEqual(answers)
  })

  const tooOld = process.env['PATH']?.split(':').map((directory) => join(directory, 'node'))
    .find((node) => existsSync(node) && /^v(?:1\d|20|21)\./.test(execFileSync(node, ['--version'], { encoding: 'utf8' })))
  it.runIf(tooOld !== undefined)('says on a Node that is too old which one it needs', async () => {
    writeFileSync(join(app, 'too-old.js'), `
      import { openSessions } from 'curfew'
      await openSessions().catch((error) => console.log(error._tag, error.message))`)
    expect(await run(app, tooOld!, 'too-old.js')).toMatch(/^LogUnusable .*curfew needs 22\.18 or newer\. .*it is /)
  })

  it('loads no driver of a server before it is used, and says what is missing then', async () => {
    expect(readdirSync(join(app, 'node_modules'))).not.toEqual(expect.arrayContaining(['@nats-io']))
    expect(readdirSync(join(app, 'node_modules'))).not.toEqual(expect.arrayContaining(['kafkajs']))
    writeFileSync(join(app, 'without.js'), `
      import { openSessions, memoryLog } from 'curfew'
      import * as effectDoor from 'curfew/effect'
      import { jetstreamLog } from 'curfew/jetstream'
      import { kafkaLog } from 'curfew/kafka'
      import { natsBroadcast } from 'curfew/nats'
      const outcome = (options) =>
        openSessions(options).then(() => 'opened', (error) => error._tag + ' ' + error.message)
      console.log(typeof effectDoor.layer)
      console.log(await outcome({ log: memoryLog(), broadcast: natsBroadcast({ cluster: 'shop' }) }))
      console.log(await outcome({ log: jetstreamLog({ cluster: 'shop' }) }))
      console.log(await outcome({ log: kafkaLog({ cluster: 'shop' }) }))`)
    const [loaded, ofBroadcast, ofJetstream, ofKafka] = (await run(app, process.execPath, 'without.js')).split('\n')
    expect(loaded).toBe('function')
    expect(ofBroadcast).toMatch(/^BroadcastUnavailable .*@nats-io\/transport-node/)
    expect(ofJetstream).toMatch(/^LogUnusable .*@nats-io\/transport-node/)
    expect(ofKafka).toMatch(/^LogUnusable .*npm install kafkajs/)
  })

  it('loads of Effect only the modules that it uses, and each door opens', async () => {
    writeFileSync(join(app, 'loaded.js'), `
      import { registerHooks } from 'node:module'
      const loaded = []
      registerHooks({
        resolve: (specifier, context, next) => {
          const found = next(specifier, context)
          loaded.push(found.url)
          return found
        }
      })
      await import('curfew')
      const alone = [...new Set(loaded)]
      const opened = []
      for (const door of process.argv.slice(2)) {
        const attributes = door.endsWith('.json') ? { with: { type: 'json' } } : {}
        opened.push([door, Object.keys(await import(door, attributes)).length > 0])
      }
      console.log(JSON.stringify({ alone, all: [...new Set(loaded)], opened }))`)
    const names = Object.keys(readManifest().exports).map((subpath) => subpath.replace(/^\./, 'curfew'))
    expect(names).toContain('curfew')
    const { alone, all, opened } = JSON.parse(await run(app, process.execPath, 'loaded.js', ...names)) as {
      readonly alone: readonly string[]
      readonly all: readonly string[]
      readonly opened: readonly (readonly [string, boolean])[]
    }
    expect(opened).toEqual(names.map((name) => [name, true]))
    // That the hook saw anything at all.
    expect(alone.filter((url) => url.endsWith('/effect/dist/Effect.js'))).toHaveLength(1)
    for (const url of all) expect(url).not.toMatch(/@nats-io|kafkajs|\/effect\/dist\/index\.js$/)
    expect(alone.filter((url) => url.includes('/curfew/dist/consumers/broadcast/nats'))).toEqual([])
  })

  it('has a command that runs, says how it is used, and loads no driver of a server before it is asked for one', async () => {
    await runProgram(process.execPath, 'commands.db')
    const curfew = (...args: readonly string[]) => run(app, join('node_modules', '.bin', 'curfew'), ...args)
    expect(await curfew('--help')).toMatch(/^Usage: curfew COMMAND\n {2}archive /)
    expect(await curfew('archive', '--from', 'sqlite:commands.db', '--to', 'commands.ndjson.gz')).toMatch(/^\d+ events archived\n$/)
    const lines = gunzipSync(readFileSync(join(app, 'commands.ndjson.gz'))).toString()
    expect(lines).toMatch(/"SessionStarted"[^]*"SessionEnded"/)
    expect(await curfew('archive', '--from', 'sqlite:commands.db', '--to', 'commands.ndjson.gz')).toBe('0 events archived\n')
    expect(await curfew('verify', '--log', 'commands.db')).toMatch(/^intact: \d+ records/)
    await expect(curfew('archive', '--from', 'jetstream:127.0.0.1?cluster=shop', '--to', 'none.gz'))
      .rejects.toThrow(/curfew archive: .*@nats-io\/transport-node/)
    expect(existsSync(join(app, 'none.gz'))).toBe(false)
  })

  it('type-checks from TypeScript, declarations and all', async () => {
    writeFileSync(join(app, 'consumer.ts'), `
      import { type CurfewError, openSessions, type Session, sqliteLog, type Verdict } from 'curfew'
      import { archive, archiveFile, type ArchiveTarget } from 'curfew/archive'
      import { copyLog } from 'curfew/copy'
      import { layer, memoryLog, Sessions } from 'curfew/effect'
      import { jetstreamLog } from 'curfew/jetstream'
      import { kafkaLog } from 'curfew/kafka'
      import { natsBroadcast } from 'curfew/nats'
      import * as Effect from 'effect/Effect'

      await using sessions = await openSessions({
        log: sqliteLog({ path: 'typed.db' }), limits: 'aal2', maxStaleness: '5 seconds',
        broadcast: natsBroadcast({ cluster: 'shop', servers: ['nats://127.0.0.1:4222'] })
      })
      const { token, session } = await sessions.create({ subject: 'ada', attributes: { theme: 'dark' } })
      const verdict: Verdict = sessions.validate(token)
      export const seen: Session | string = verdict.ok ? verdict.session : verdict.reason
      // @ts-expect-error A session does not change when somebody writes to it.
      session.subject = 'eve'
      // @ts-expect-error Not an option.
      await sessions.create({ subject: 'ada', atributes: {} })
      export const told = (error: CurfewError): string | number =>
        error._tag === 'Conflict' ? error.actual : error.message
      export const program: Effect.Effect<string, unknown> = Effect.gen(function*() {
        const store = yield* Sessions
        return (yield* store.create({ subject: null })).token
      }).pipe(Effect.provide(layer({ log: memoryLog() })))
      const target: ArchiveTarget = archiveFile({ path: 'a.ndjson.gz' })
      export const events: number = (await archive({ from: memoryLog(), to: target, without: ['attributes'] })).events
      export const copied: number = (await copyLog({ from: { log: memoryLog(), name: 'a' }, to: { log: memoryLog(), name: 'b' } })).copied
      export const log = jetstreamLog({ cluster: 'shop', replicas: 3, retention: '31 days' })
      export const other = kafkaLog({
        cluster: 'shop', brokers: ['a:9092', 'b:9092'], partitions: 3,
        connect: { ssl: true, sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'p' } }
      })`)
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({
      compilerOptions: {
        module: 'nodenext', target: 'es2024', strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false,
        noEmit: true, types: ['node'], typeRoots: [join(root, 'node_modules', '@types')]
      },
      files: ['consumer.ts']
    }))
    await run(app, process.execPath, join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', app)
  })

  it('has the files of its doors, and none of the tests, the benchmark or the examples', () => {
    const doors = Object.values(readManifest().exports)
      .flatMap((entry) => typeof entry === 'string' ? [entry] : Object.values(entry))
    expect(doors.length).toBeGreaterThan(4)
    for (const file of doors) expect(existsSync(join(installed, file)), file).toBe(true)
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8' })
    const tops = new Set(files.map((path) => path.split(/[/\\]/).slice(0, 2).join('/')))
    expect([...tops].toSorted()).toEqual([
      'LICENSE', 'README.md', 'dist', 'dist/consumers', 'dist/core', 'dist/index.d.ts', 'dist/index.js',
      'dist/index.js.map', 'dist/projections', 'docs', ...readdirSync('docs').map((name) => `docs/${name}`), 'package.json'
    ].toSorted())
    expect(files.filter((path) => /\.test\.|(?<!\.d)\.ts$/.test(path))).toEqual([])
  })
})
