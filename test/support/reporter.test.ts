import { spawnSync } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { temporaryFolder } from './temp.ts'

const modules = fileURLToPath(new URL('../../node_modules', import.meta.url))
const reporter = fileURLToPath(new URL('reporter.ts', import.meta.url))

interface Outcome {
  readonly code: number | null
  readonly lines: readonly string[]
}

/** Runs a test file of this body by itself, with the reporter alone. */
const run = (body: string, env: Readonly<Record<string, string>> = {}): Outcome => {
  const folder = temporaryFolder()
  symlinkSync(modules, join(folder, 'node_modules'))
  writeFileSync(join(folder, 'a.test.ts'), `import { beforeAll, describe, it } from 'vitest'\n${body}\n`)
  const { CI: _, ...inherited } = process.env
  const { status, stdout } = spawnSync(process.execPath,
    [join(modules, 'vitest/vitest.mjs'), 'run', '--root', folder, '--reporter', reporter],
    { encoding: 'utf8', env: { ...inherited, ...env } })
  return { code: status, lines: stdout.trimEnd().split('\n') }
}

it('ends with the counts alone on a line', () => {
  expect(run(`it('a', () => {})\nit('b', () => {})`)).toEqual({ code: 0, lines: ['2 passed, 0 failed, 0 skipped'] })
  expect(run(`it('a', () => {})\nit('b', () => { throw new Error('no') })`))
    .toEqual({ code: 1, lines: ['1 passed, 1 failed, 0 skipped'] })
})

const skips = `
  it('a', () => {})
  describe.skip('b (needs a moon)', () => { it('c', () => {}); describe('d', () => { it('e', () => {}) }) })
  describe('f', () => { it('g', () => {}); it('h', ({ skip }) => skip('for a reason')) })`
const skipped = ['skipped: a.test.ts > b (needs a moon)', 'skipped: a.test.ts > f > h (for a reason)']

it('names each skipped suite once, with its reason', () => {
  expect(run(skips)).toEqual({ code: 0, lines: [...skipped, '2 passed, 0 failed, 3 skipped'] })
})

it('takes a skip for a failure in CI', () => {
  const { code, lines } = run(skips, { CI: 'true' })
  expect(code).toBe(1)
  expect(lines.slice(0, 2)).toEqual(skipped)
  expect(lines.at(-2)).toContain('In CI a skip is a failure')
  expect(lines.at(-1)).toBe('2 passed, 0 failed, 3 skipped')
})

it('counts a suite, a file and a stray rejection that fail as failed, and their tests not as skipped', () => {
  expect(run(`describe('a', () => { beforeAll(() => { throw new Error('no') }); it('b', () => {}) })`))
    .toEqual({ code: 1, lines: ['0 passed, 1 failed, 0 skipped'] })
  expect(run(`throw new Error('no')`)).toEqual({ code: 1, lines: ['0 passed, 1 failed, 0 skipped'] })
  expect(run(`it('a', () => { void Promise.reject(new Error('no')) })`).lines.at(-1))
    .toBe('1 passed, 1 failed, 0 skipped')
})
