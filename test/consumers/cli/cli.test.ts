import Database from 'better-sqlite3'
import { copyFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Command, World } from '../../../consumers/cli/command.ts'
import { commands } from '../../../consumers/cli/commands.ts'
import { runCommand } from '../../../consumers/cli/run.ts'
import { start } from '../../../core/log/position.ts'
import { openSessions, sqliteLog } from '../../../index.ts'
import { archivedLines, archivedText, expectedLine, positionOf } from '../../support/archives.ts'
import { runCli, startCli } from '../../support/cli-process.ts'
import { LogNode } from '../../support/log-node.ts'
import { activityOf, eventsOf } from '../../support/sample-events.ts'
import { temporaryFolder } from '../../support/temp.ts'
import { until } from '../../support/until.ts'

const nodes: LogNode[] = []
afterEach(async () => { for (const node of nodes.splice(0)) await node.close() })
const aLog = async (count: number): Promise<{ readonly log: string; readonly file: string; readonly node: LogNode }> => {
  const folder = temporaryFolder()
  const node = await LogNode.open(sqliteLog({ path: join(folder, 'log.db'), retention: 'forever' }))
  nodes.push(node)
  if (count > 0) await node.append(...eventsOf('ann', 'c', count))
  return { log: join(folder, 'log.db'), file: join(folder, 'log.ndjson.gz'), node }
}

/** Runs in this process, with an environment of its own. */
const run = async (args: readonly string[], more: Partial<World> = {}, table = commands) => {
  const [out, err]: [string[], string[]] = [[], []]
  const code = await runCommand(table, args, {
    env: {}, say: (line) => { out.push(line) }, complain: (line) => { err.push(line) }, terminal: undefined,
    signal: new AbortController().signal, ...more
  })
  return { code, out: out.join('\n'), err: err.join('\n') }
}
/** There is such a file, and nobody gets as far as to open it. */
const here = `sqlite:${import.meta.filename}`
const absent = '/nowhere/at/all.db'

describe('what is not as it must be is told, with exit code 2', () => {
  it.each<[readonly string[], RegExp]>([
    [[], /^Usage: curfew COMMAND/],
    [['nonsense'], /no command of this name[^]*archive/],
    [['constructor'], /no command of this name/],
    [['archive'], /--from is missing: such as --from sqlite:/],
    [['archive', '--from', 'sqlite:x'], /--to is missing/],
    [['archive', '--frm', 'x'], /Unknown option '--frm'[^]*archive --help/],
    [['archive', 'x'], /Unexpected argument/],
    [['archive', '--from'], /argument missing/],
    [['archive', '--from', 'nowhere', '--to', 'f'], /--from takes the address of a log, which begins with sqlite: or jetstream: or kafka:/],
    [['archive', '--from', 'toString:x', '--to', 'f'], /--from takes the address of a log/],
    [['archive', '--from', 'jetstream:nats://localhost', '--to', 'f'], /The option cluster must be/],
    [['archive', '--from', 'jetstream:http://localhost?cluster=a', '--to', 'f'], /The option servers must be/],
    [['archive', '--from', 'jetstream:nats://localhost?cluster=a&color=red', '--to', 'f'], /cluster and stream .*, and no color/],
    [['archive', '--from', 'kafka:localhost:9092', '--to', 'f'], /The option cluster must be/],
    [['archive', '--from', 'kafka:http://localhost?cluster=a', '--to', 'f'], /The option brokers must be/],
    [['archive', '--from', 'kafka:localhost?cluster=a&stream=b', '--to', 'f'], /cluster and topic .*, and no stream/],
    [['verify', '--log', 'kafka:localhost?cluster=a'], /only a log in SQLite has a hash chain/],
    [['archive', '--from', here, '--to', 'jetstream:nats://localhost'], /--to takes the name of a file, or kafka:/],
    [['archive', '--from', here, '--to', 'kafka:localhost'], /needs the name of a topic: \?topic=NAME/],
    [['archive', '--from', here, '--to', 'kafka:localhost?cluster=a'], /has topic behind its \?, and no cluster/],
    [['archive', '--from', here, '--to', 'f', '--without', 'digests'], /The option without .* must be a list out of attributes/],
    [['archive', '--from', here, '--to', 'f', '--batch-age', 'soon'], /The option batchAge/],
    [['verify'], /--log is missing/]
  ])('%s', async (args, message) => {
    const { code, out, err } = await run(args)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(message)
    expect(existsSync('f')).toBe(false)
  })

  it.each(['jetstream:nats://ada:hunter2@localhost?cluster=a', 'kafka:ada:hunter2@localhost:9092?cluster=a'])(
    'and a secret that does not belong on a command line is not repeated', async (address) => {
      const { code, out, err } = await run(['archive', '--from', address, '--to', 'f'])
      expect(code).toBe(2)
      expect(err).toContain('Use the environment')
      expect(out + err).not.toContain('hunter2')
    })

  it.each<[string, World['env'], RegExp]>([
    ['a user alone', { CURFEW_KAFKA_USER: 'ada' }, /both of CURFEW_KAFKA_USER and CURFEW_KAFKA_PASSWORD/],
    ['a password alone', { CURFEW_KAFKA_PASSWORD: 'hunter2' }, /both of CURFEW_KAFKA_USER and CURFEW_KAFKA_PASSWORD/],
    ['no mechanism', { CURFEW_KAFKA_MECHANISM: 'hunter2' }, /CURFEW_KAFKA_MECHANISM is one of scram-sha-512, .*, plain/],
    ['no file', { CURFEW_KAFKA_CA_FILE: absent }, /CURFEW_KAFKA_CA_FILE names cannot be read/]
  ])('nor one in the environment: %s for Kafka', async (_, env, message) => {
    const { code, out, err } = await run(['archive', '--from', 'kafka:localhost?cluster=a', '--to', 'f'], { env })
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(message)
    expect(err).not.toContain('hunter2')
  })

  it('a secret has one place, and is not told', async () => {
    const file = join(temporaryFolder(), 'key')
    writeFileSync(file, 'a key of more than sixteen bytes\n')
    const { log } = await aLog(2)
    const verify = (env: World['env']) => run(['verify', '--log', log], { env })
    expect(await verify({ CURFEW_KEY_FILE: file })).toMatchObject({ code: 0 })
    expect((await verify({ CURFEW_KEY_FILE: file, CURFEW_KEY: 'x' })).err).toContain('not both')
    expect((await verify({ CURFEW_KEY_FILE: absent })).err).toContain('CURFEW_KEY_FILE names cannot be read')
    expect((await verify({ CURFEW_KEY: '' })).err).toContain('CURFEW_KEY is empty')
    const short = await verify({ CURFEW_KEY: 'hunter2' })
    expect(short).toMatchObject({ code: 2 })
    expect(short.err).not.toContain('hunter2')
  })
})

describe('help', () => {
  it('is there for all, and for each', async () => {
    for (const args of [['--help'], ['-h'], ['help']]) {
      const { code, out, err } = await run(args)
      expect([code, err]).toEqual([0, ''])
      for (const [name, { line }] of Object.entries(commands)) expect(out).toContain(`${name.padEnd(7)}  ${line}`)
    }
    for (const [name, { options }] of Object.entries(commands)) {
      const { code, out } = await run([name, '--help'])
      expect(code).toBe(0)
      for (const option of Object.keys(options)) expect(out).toContain(`--${option}`)
    }
  })
})

describe('what fails', () => {
  it('has exit code 1 and says what the error says', async () => {
    const { file } = await aLog(1)
    expect(await run(['archive', '--from', `sqlite:${absent}`, '--to', file]))
      .toEqual({ code: 1, out: '', err: `curfew archive: There is no log ${absent}.` })
    expect(existsSync(file)).toBe(false)
    const foreign = await run(['verify', '--log', import.meta.filename])
    expect(foreign).toMatchObject({ code: 1, err: expect.stringContaining('is not a SQLite database') as string })
  })

  it('and was not foreseen says whence it comes', async () => {
    const broken: Command = { line: '', usage: '', options: {}, run: () => Promise.reject(new Error('what nobody thought of')) }
    const { code, err } = await run(['broken'], {}, { broken })
    expect(code).toBe(1)
    expect(err).toMatch(/what nobody thought of\n\s+at [^]*cli\.test\.ts/)
  })
})

describe('curfew archive', () => {
  it('copies a log, and says so; on a terminal also how far it is', async () => {
    const { log, file, node } = await aLog(1_234)
    const shown: string[] = []
    const args = ['archive', '--from', `sqlite:${log}`, '--to', file]
    expect(await run(args, { terminal: { write: (text) => { shown.push(text) } } }))
      .toEqual({ code: 0, out: '1,234 events archived', err: '' })
    expect(shown.join('')).toContain('1,234 events archived, 100 %')
    expect(archivedLines(file)).toEqual((await node.read(start)).map(expectedLine))
    expect(await runCli(...args)).toEqual({ code: 0, out: '0 events archived\n', err: '' })
  })

  it('leaves out what is named', async () => {
    const { log, file } = await aLog(0)
    const sessions = await openSessions({ log: sqliteLog({ path: log }), node: 'a' })
    await sessions.create({ subject: 'ada', attributes: { theme: 'dark-secret' }, device: { label: 'the phone' } })
    await sessions.close()
    const { code } = await run(['archive', '--from', `sqlite:${log}`, '--to', file, '--without', 'attributes, device'])
    expect(code).toBe(0)
    expect(archivedText(file)).toContain('SessionStarted')
    expect(archivedText(file)).not.toMatch(/secret|phone|digest/)
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('ends well at %s', async (signal) => {
    const { log, file, node } = await aLog(50)
    const { child, end } = startCli(['archive', '--from', `sqlite:${log}`, '--to', file, '--follow', '--batch-age', '20 millis'])
    await until('it has all', () => existsSync(`${file}.position`) && positionOf(file).position[0] === 50)
    await node.append(...eventsOf('ann', 'd', 5))
    await until('and what came', () => positionOf(file).position[0] === 55)
    child.kill(signal)
    expect(await end).toEqual({ code: 0, out: '55 events archived\n', err: '' })
    expect(archivedLines(file)).toEqual((await node.read(start)).map(expectedLine))
  })

  it('stopped before the end says so by its exit code, and can be gone on with', async () => {
    const { log, file, node } = await aLog(20)
    const stop = new AbortController()
    stop.abort(143)
    const args = ['archive', '--from', `sqlite:${log}`, '--to', file]
    const stopped = await run(args, { signal: stop.signal })
    expect(stopped).toMatchObject({ code: 143, out: expect.stringContaining('start it again to go on') as string })
    expect(await run(args)).toMatchObject({ code: 0 })
    expect(archivedLines(file)).toEqual((await node.read(start)).map(expectedLine))
  })

  it('is not done by two processes to one file', async () => {
    const { log, file } = await aLog(5)
    const first = startCli(['archive', '--from', `sqlite:${log}`, '--to', file, '--follow', '--batch-age', '20 millis'])
    await until('it is at work', () => existsSync(`${file}.position`) && positionOf(file).position[0] === 5)
    const second = await runCli('archive', '--from', `sqlite:${log}`, '--to', file)
    expect(second).toMatchObject({ code: 1, err: expect.stringContaining('another process archives there now') as string })
    first.child.kill('SIGKILL')
    await first.end
    expect(await runCli('archive', '--from', `sqlite:${log}`, '--to', file)).toMatchObject({ code: 0, out: '0 events archived\n' })
  })

  it('holds a batch in memory, and not the log', { timeout: 120_000 }, async () => {
    const { log, file, node } = await aLog(0)
    // About 540 kB each: all of them are nearly twice the memory that it is given. It needs at most half of that.
    for (let i = 0; i < 400; i++) await node.append(activityOf(`c${i}`, 10_000))
    const flags = ['--max-old-space-size=128']
    const end = await startCli(['archive', '--from', `sqlite:${log}`, '--to', file], {}, flags).end
    expect(end).toEqual({ code: 0, out: '400 events archived\n', err: '' })
    expect(positionOf(file).position).toEqual([400])
  })
})

describe('curfew verify', () => {
  it('says whether a log is intact, by its path or its address', async () => {
    const { log, node } = await aLog(30)
    nodes.pop()
    await node.close()
    for (const name of [log, `sqlite:${log}`]) {
      const { code, out, err } = await run(['verify', '--log', name])
      expect([code, err]).toEqual([0, ''])
      expect(out).toMatch(/^intact: 30 records, 0 were pruned, 0 are of a newer version or kind$/m)
      expect(out).toMatch(/^ends behind record 30 with the hash [0-9a-f]{64}$/m)
    }
    const broken = `${log}.broken`
    copyFileSync(log, broken)
    const db = new Database(broken)
    db.exec(`UPDATE event SET body = replace(body, 'logout', 'evicted') WHERE seq = 20`)
    db.close()
    const { code, out, err } = await run(['verify', '--log', broken])
    expect(code).toBe(1)
    expect(out).toMatch(/^NOT INTACT: 19 records are good/)
    expect(err).toContain('Record 20')
  })
})
