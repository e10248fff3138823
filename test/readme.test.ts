import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { errorCodes } from '../core/errors.ts'
import { mutants } from './simulation/mutants.ts'
import { startJetstream } from './support/jetstream.ts'
import { describeWithNats, type NatsServer } from './support/nats-server.ts'
import { temporaryFolder } from './support/temp.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const blocks = (language: string): readonly string[] =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map(([, code]) => code ?? '')
const at = (path: string): string => `'${pathToFileURL(join(root, path)).href}'`

/** Runs a block as a reader would, on the sources, in an empty folder. */
const run = async (code: string, natsUrl = ''): Promise<string> => {
  const folder = temporaryFolder()
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const file = join(folder, 'block.ts')
  writeFileSync(file, code
    .replaceAll("'curfew'", at('index.ts'))
    .replaceAll("'curfew/nats'", at('consumers/broadcast/nats.ts'))
    .replaceAll("'curfew/jetstream'", at('core/log/jetstream.ts'))
    .replaceAll("'curfew/express'", at('consumers/http/express.ts'))
    .replaceAll("'curfew/effect'", at('consumers/effect.ts'))
    .replaceAll('nats://127.0.0.1:4222', natsUrl))
  const { stdout } = await promisify(execFile)(process.execPath, [file], { cwd: folder, timeout: 25_000 })
  return stdout
}
const only = (having: string): string => {
  const found = blocks('ts').filter((code) => code.includes(having))
  expect(found).toHaveLength(1)
  return found[0]!
}

describe('the blocks of the README run', () => {
  it('the ten lines', async () => {
    const lines = (await run(only("sqliteLog({ path: 'sessions.db' }), node"))).split('\n')
    expect(lines[0]).toBe('true')
    expect(lines[1]).toBe("{ ok: false, reason: 'ended' }")
    expect(lines[2]).toMatch(/^[0-9a-f-]{36} null$/)
  })

  it('the Effect service', async () => {
    expect(await run(only('curfew/effect'))).toBe('true\n')
  })

  it('the web app', async () => {
    const visit = `app.listen(0, async function () {
      const url = 'http://localhost:' + this.address().port
      const ask = (method, path, headers) => fetch(url + path, { method, headers, redirect: 'manual' })
      const login = await ask('POST', '/login', { 'sec-fetch-site': 'same-origin' })
      const cookie = login.headers.getSetCookie()[0].split(';')[0]
      const own = { cookie, 'sec-fetch-site': 'same-origin' }
      const seen = [login, await ask('GET', '/', own), await ask('POST', '/leave', { cookie, 'sec-fetch-site': 'cross-site' }),
        await ask('POST', '/leave', own), await ask('GET', '/', own)]
      console.log(seen.map(({ status }) => status).join(' '))
      process.exit()
    } as never)`
    expect(await run(only('expressSessions(').replace('app.listen(3000)', visit))).toBe('302 200 403 302 401\n')
  })

  it('and there are no others than those that are run here', () => {
    expect(blocks('ts')).toHaveLength(5)
  })
})

describeWithNats('the blocks of the README with NATS', () => {
  let server: NatsServer
  beforeAll(async () => {
    server = await startJetstream()
    return server.kill
  })

  it('run: the broadcast', async () => {
    expect(await run(only('natsBroadcast({ servers'), server.url)).toBe("[ 'app-1' ]\n")
  })

  it('run: the log in JetStream', async () => {
    expect(await run(only('jetstreamLog(nats)'), server.url)).toBe('jetstream\n')
  })
})

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>
}

describe('what the README says of the project is so', () => {
  it('the commands are those of package.json, and CI runs them', () => {
    const ci = readFileSync(join(root, '.ci/run'), 'utf8')
    expect(blocks('sh')).toEqual(['npm ci && npm start\n', 'npm ci && npm test\n', 'npm i curfew\n'])
    for (const [, script = ''] of readme.matchAll(/npm run ([a-z]+)/g)) expect(scripts).toHaveProperty(script)
    for (const command of ['npm ci', 'npm test', 'npm start -- --once']) expect(ci).toContain(command)
  })

  it.each(['README.md', 'docs/guarantees.md'])('the files, folders and commands that %s names exist', (file) => {
    const text = readFileSync(join(root, file), 'utf8')
    const named = [...text.matchAll(/\b((?:core|projections|consumers|test|docs|bench|examples)\/[\w./-]*\w)/g)]
    expect(named.length).toBeGreaterThan(10)
    for (const [, path = ''] of named) expect(existsSync(join(root, path)), path).toBe(true)
    for (const [, script = ''] of text.matchAll(/npm run ([a-z]+)/g)) expect(scripts).toHaveProperty(script)
  })

  it('the simulator tries what docs/guarantees.md says', () => {
    const text = readFileSync(join(root, 'docs/guarantees.md'), 'utf8')
    const rules = readdirSync(join(root, 'test/simulation/checker')).map((name) =>
      readFileSync(join(root, 'test/simulation/checker', name), 'utf8')).join('\n')
    const promised = [...text.matchAll(/"([a-z ]+)"/g)].map(([, rule = '']) => rule)
      .filter((rule) => rule !== 'read the log')
    expect(promised.length).toBeGreaterThan(8)
    for (const rule of promised) expect(rules).toContain(`'${rule}'`)
    expect(text).toContain(`plants ${mutants.length} bugs`)
    expect(readme).toContain(`plants ${mutants.length} bugs`)
  })

  it('every option of openSessions stands in its table', () => {
    const source = readFileSync(join(root, 'core/store/settings.ts'), 'utf8')
    const options = /export interface NodeOptions \{([^]*?)\n\}/.exec(source)?.[1] ?? ''
    const names = [...options.matchAll(/readonly (\w+)\?:/g)].map(([, name]) => name)
    expect(names.length).toBeGreaterThan(5)
    for (const name of [...names, 'log', 'broadcast']) expect(readme).toContain(`| \`${name}\` |`)
  })

  it('and the errors that it names exist', () => {
    for (const [, name = ''] of readme.matchAll(/`((?:Log|Not|Too|Invalid|Broadcast)[A-Z][A-Za-z]+)`/g)) {
      expect(errorCodes).toHaveProperty(name)
    }
  })
})
