import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { banned, type BanName, banNames } from './tidy/bans.ts'
import { parseAll, readTexts, root } from './tidy/files.ts'
import { cycles, deadFiles, missingFiles } from './tidy/graph.ts'
import { type Dependencies, driversInOneFile, importRules } from './tidy/layers.ts'
import { undocumented } from './tidy/public.ts'
import { type Finding, parseSource, type Source } from './tidy/source.ts'
import { lineRules } from './tidy/texts.ts'

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>
  readonly bin: Readonly<Record<string, string>>
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
}
const dependencies: Dependencies = {
  dependencies: Object.keys(manifest.dependencies), peerDependencies: Object.keys(manifest.peerDependencies)
}
const sourceOf = (built: string): string => built.replace(/^\.\/dist\//, '').replace(/\.js$/, '.ts')
const doors = Object.values(manifest.exports).flatMap((entry) => typeof entry === 'string' ? [] : [sourceOf(entry.default)])
const programs = Object.values(manifest.bin).map(sourceOf)
const scripts = Object.values(manifest.scripts).flatMap((script) => script.match(/[\w./-]+\.ts/g) ?? [])

const texts = readTexts()
const sources = parseAll(texts)
const told = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ path, line, message }) => `${path}:${line}: ${message}`)
/** Fails with all of them, each with its place. */
const expectNone = (findings: readonly Finding[]): void => {
  if (findings.length > 0) throw new Error(['found', ...told(findings)].join('\n'))
}
const ofEach = (check: (source: Source) => readonly Finding[]): readonly Finding[] =>
  [...sources.values()].flatMap(check)

describe('the sources', () => {
  it('are all here', () => {
    expect([...sources.keys()]).toEqual(expect.arrayContaining(['index.ts', 'test/tidy.test.ts', ...doors, ...programs, ...scripts]))
    expect(doors.length).toBeGreaterThan(2)
  })

  it('import downwards only, and nothing that their folder may not know', () => {
    expectNone(ofEach((source) => importRules(source, dependencies)))
    expectNone(driversInOneFile(sources.values(), dependencies))
    expectNone(missingFiles(sources))
  })

  it('import nothing in a circle', () => {
    expectNone(cycles(sources))
  })

  it('are all used', () => {
    expectNone(deadFiles(sources, [...doors, ...programs, ...scripts]))
  })

  it.each(banNames)('hold the ban: %s', (name) => {
    expectNone(ofEach((source) => banned(source, [name])))
  })

  it('say what each public name means', () => {
    expectNone(undocumented(doors, sources))
  })

  it('keep to 140 columns, and to themselves', () => {
    expectNone([...texts].flatMap(([path, text]) => lineRules(path, text)))
  })
})

it('the lock file holds no address', () => {
  expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved"|https?:\/\/registry/)
})

const lines = (count: number): string => '\n'.repeat(count)
const nothing = 'export const nothing = 0\n'

/** A path, a text of a file there that is found fault with, and one that is not. */
type Snippet = readonly [path: string, bad: string, good: string]
const examplesOf: Readonly<Record<BanName, readonly Snippet[]>> = {
  time: [
    ['core/store/a.ts', 'export const a = () => Date.now()', 'export const a = (now: number) => new Date(now)'],
    ['index.ts', 'export const a = new Date()', nothing],
    ['index.ts', 'export const a = Date()', nothing],
    ['consumers/a.ts', 'export const a = performance.now()', nothing],
    ['consumers/a.ts', 'export const a = process.hrtime.bigint()', nothing],
    ['consumers/a.ts', 'setTimeout(() => {}, 1)', 'schedule(1, () => {})'],
    ['projections/a.ts', 'setInterval(() => {}, 1)', nothing],
    ['projections/a.ts', 'setImmediate(() => {})', nothing],
    ['consumers/a.ts', 'globalThis.setTimeout(() => {}, 1)', 'clock.setTimeout(() => {}, 1)'],
    ['consumers/a.ts', 'AbortSignal.timeout(1)', 'AbortSignal.abort()'],
    ['consumers/a.ts', 'export const a = globalThis.Date["now"]', 'export const a = Date[now]'],
    ['consumers/a.ts', 'export const a = new globalThis.Date()', 'export const a = new globalThis.Date(0)']
  ],
  chance: [
    ['test/a.ts', 'export const a = Math.random()', 'export const a = Math.max(0)'],
    ['core/a.ts', 'export const { random: a } = { random: Math["random"] }', 'export const a = dice.random()']
  ],
  globalCrypto: [['core/store/a.ts', 'export const a = crypto.randomUUID()', 'export const a = crypto.subtle']],
  erasable: [
    ['bench/a.ts', 'enum A { B }', 'type A = "b"'],
    ['bench/a.ts', 'class A { constructor(private readonly b: number) {} }', 'class A { readonly b = 1 }'],
    ['bench/a.ts', 'namespace A { export const b = 1 }', 'declare module "a" { const b: 1 }']
  ],
  defaultExport: [['core/a.ts', 'export default 1', nothing]],
  focused: [
    ['test/a.test.ts', 'it.only("a", () => {})', 'it("a", () => {})'],
    ['test/a.test.ts', 'describe.only.each([])("a", () => {})', 'describe.each([])("a", () => {})']
  ],
  anyType: [
    ['test/a.ts', 'const a: any = 1', 'const a: unknown = 1'],
    ['test/a.ts', 'const a = 1 as any', 'const a = 1 as number'],
    ['test/a.ts', 'const a: Array<any> = []', 'const a: Array<never> = []'],
    ['test/a.ts', '// @ts-ignore\nconst a = 1', '// Nothing to ignore.\nconst a = 1'],
    ['test/a.ts', '// @ts-nocheck\nconst a = 1', nothing]
  ],
  swallowed: [
    ['bench/a.ts', 'try { f() } catch {}', 'try { f() } catch (error) { tell(error) }'],
    ['bench/a.ts', 'try { f() } catch { /* nothing */ }', 'try { f() } finally { g() }'],
    ['bench/a.ts', 'f().catch(() => {})', 'f().catch(() => undefined)'],
    ['bench/a.ts', 'f().catch(function () {})', 'f().finally(() => {})'],
    ['bench/a.ts', 'f().then(g, () => {})', 'f().then(() => {})']
  ],
  longFunction: [
    ['core/a.ts', `const a = () => {${lines(70)}}`, `const a = () => {${lines(69)}}`],
    ['core/a.ts', `function a() {${lines(70)}}`, `function a() {}${lines(70)}`],
    ['core/a.ts', `class A { b() {${lines(70)}} }`, `class A {${lines(70)}}`],
    ['test/a.test.ts', `it('a', () => {${lines(70)}})`, `describe('a', () => {${lines(70)} it('b', () => {}) })`],
    ['core/a.ts', `const a = () => {${lines(70)} it() }`, nothing]
  ],
  unfinished: [
    ['core/a.ts', `// ${'TO'}DO: later`, '// Later than that.'],
    ['core/a.ts', `/* ${'FIX'}ME */`, `export const a = '${'FIX'}ME'`]
  ]
}

describe('each ban finds what it is against, and only that', () => {
  for (const [name, snippets] of Object.entries(examplesOf)) {
    it.each(snippets)(`${name} in %s: %s`, (path, bad, good) => {
      const only = [name as BanName]
      expect(banned(parseSource(path, bad), only)).toHaveLength(1)
      expect(banned(parseSource(path, good), only)).toEqual([])
    })
  }

  it('outside of its place, nothing', () => {
    expect(banned(parseSource('core/clock.ts', 'export const a = Date.now()'))).toEqual([])
    expect(banned(parseSource('test/a.ts', 'setTimeout(() => {}, 1)'))).toEqual([])
    expect(banned(parseSource('test/vitest.config.ts', 'export default 1'))).toEqual([])
  })
})

const some: Dependencies = { dependencies: ['effect', 'better-sqlite3'], peerDependencies: ['@nats-io/transport-node'] }

describe('each rule on imports finds what it is against, and only that', () => {
  it.each([
    ['core/domain/a.ts', 'import { b } from "../log/port.ts"', 'core/domain may not import core/log'],
    ['core/domain/a.ts', 'import type { B } from "../errors.ts"', 'core/domain may not import core/log'],
    ['core/domain/a.ts', 'import type { Clock } from "../clock.ts"', 'core/domain may not import core/log'],
    ['core/log/a.ts', 'import { b } from "../store/parts.ts"', 'core/log may not import core/store'],
    ['core/errors.ts', 'import { b } from "./store/parts.ts"', 'core/log may not import core/store'],
    ['core/nats/a.ts', 'import { b } from "../store/parts.ts"', 'core/log may not import core/store'],
    ['core/store/a.ts', 'import type { B } from "../../projections/a.ts"', 'may not import projections'],
    ['projections/a.ts', 'export * from "../consumers/tail.ts"', 'projections may not import consumers'],
    ['consumers/a.ts', 'export { b } from "../index.ts"', 'consumers may not import index.ts'],
    ['index.ts', 'import { b } from "./test/support/until.ts"', 'index.ts may not import bench'],
    ['consumers/http/a.ts', 'import { b } from "../tail.ts"', 'import index.ts'],
    ['consumers/cli/a.ts', 'import { b } from "../archive/file.ts"', 'import index.ts'],
    ['consumers/cli/a.ts', 'await import("../../core/log/jetstream.ts")', 'use the port'],
    ['consumers/tail.ts', 'import { b } from "./http/node.ts"', 'may not import consumers/http'],
    ['consumers/a.ts', 'const { b } = await import("../bench/main.ts")', 'consumers may not import bench'],
    ['core/log/sqlite.ts', 'import { b } from "./memory.ts"', 'never imports another'],
    ['core/log/sqlite/reader.ts', 'import { b } from "../jetstream/reader.ts"', 'never imports another'],
    ['core/log/codec.ts', 'import { b } from "./sqlite/chain.ts"', 'use the port'],
    ['core/store/a.ts', 'import { b } from "../log/memory.ts"', 'use the port'],
    ['core/domain/a.ts', 'import * as Effect from "effect/Effect"', 'core/domain/ is pure'],
    ['core/domain/a.ts', 'import { readFileSync } from "node:fs"', 'core/domain/ is pure'],
    ['core/domain/token.ts', 'import { hash, randomBytes } from "node:crypto"', 'core/domain/ is pure'],
    ['core/domain/a.ts', 'import { hash } from "node:crypto"', 'core/domain/ is pure'],
    ['projections/validity/a.ts', 'import type * as Effect from "effect/Effect"', 'projections/ is pure'],
    ['projections/validity/a.ts', 'import { Worker } from "node:worker_threads"', 'projections/ is pure'],
    ['core/log/position.ts', 'import { hash } from "node:crypto"', 'core/log/position.ts is pure'],
    ['projections/validity/a.ts', 'import { codec } from "../../core/log/codec.ts"', 'types only'],
    ['consumers/a.ts', 'import { setTimeout } from "node:timers/promises"', 'Clock'],
    ['consumers/a.ts', 'import { performance } from "node:perf_hooks"', 'Clock'],
    ['consumers/a.ts', 'import { randomBytes } from "node:crypto"', 'Random'],
    ['consumers/a.ts', 'import * as anything from "node:crypto"', 'Random'],
    ['consumers/a.ts', 'import anything from "node:crypto"', 'Random'],
    ['consumers/a.ts', 'const { randomBytes } = await import("node:crypto")', 'Random'],
    ['consumers/a.ts', 'import { connect } from "@nats-io/transport-node"', 'import it with import()'],
    ['consumers/a.ts', 'import express from "express"', 'not among the dependencies'],
    ['consumers/a.ts', 'const { Kafka } = await import("kafkajs")', 'not among the dependencies'],
    ['bench/a.ts', 'import { Effect } from "effect"', 'whole of effect'],
    ['test/a.ts', 'import { b } from "./b"', 'ends in .ts']
  ])('in %s: %s', (path, text, message) => {
    expect(told(importRules(parseSource(path, text), some))).toEqual([expect.stringContaining(message)])
  })

  it.each([
    ['core/domain/token.ts', 'import { hash } from "node:crypto"'],
    ['core/domain/limits.ts', 'import * as Duration from "effect/Duration"'],
    ['core/log/sqlite.ts', 'import { b } from "./sqlite/reader.ts"; import Database from "better-sqlite3"'],
    ['core/log/sqlite/reader.ts', 'import { b } from "../codec.ts"; import { c } from "../../clock.ts"'],
    ['core/log/jetstream.ts', 'import { b } from "../nats/via.ts"'],
    ['consumers/broadcast/nats.ts', 'import { b } from "../../core/nats/via.ts"'],
    ['core/random.ts', 'import { randomFillSync } from "node:crypto"'],
    ['consumers/a.ts', 'import { createHmac, type KeyObject } from "node:crypto"'],
    ['consumers/a.ts', 'import type * as crypto from "node:crypto"'],
    ['projections/validity/a.ts', 'import type { B } from "../../core/log/codec.ts"'],
    ['projections/validity/a.ts', 'import { c } from "../../core/domain/ids.ts"'],
    ['projections/validity/a.ts', 'import { d } from "../../core/log/position.ts"'],
    ['consumers/a.ts', 'const { connect } = await import("@nats-io/transport-node")'],
    ['consumers/a.ts', 'import { b } from "../projections/a.ts"; import { c } from "../core/store/write.ts"'],
    ['consumers/http/a.ts', 'import { b } from "../../index.ts"; import { c } from "./cookie.ts"'],
    ['consumers/cli/a.ts', 'import { b } from "../archive.ts"; import { c } from "./command.ts"'],
    ['consumers/cli/address.ts', 'await import("../../core/log/jetstream.ts")'],
    ['index.ts', 'import { b } from "./core/log/sqlite.ts"; import { c } from "./consumers/node.ts"'],
    ['test/a.ts', 'import { b } from "../core/log/memory.ts"; import express from "express"']
  ])('but not in %s: %s', (path, text) => {
    expect(told(importRules(parseSource(path, text), some))).toEqual([])
  })
})

/** A project of these files. */
const project = (files: Readonly<Record<string, string>>): ReadonlyMap<string, Source> =>
  parseAll(new Map(Object.entries(files)))

describe('each rule on the whole finds what it is against, and only that', () => {
  it('circles', () => {
    const lines = { 'a.ts': 'import "./b.ts"; import "./c.ts"', 'b.ts': 'export { c } from "./c.ts"' }
    expect(told(cycles(project({ ...lines, 'c.ts': 'import { a } from "./a.ts"' }))))
      .toEqual(['a.ts:1: imports in a circle: a.ts -> b.ts -> c.ts -> a.ts'])
    expect(cycles(project({ ...lines, 'c.ts': 'import type { A } from "./a.ts"' }))).toEqual([])
  })

  it('dead files', () => {
    const files = project({
      'index.ts': 'export * from "./a/b.ts"', 'a/b.ts': 'export const worker = new URL("./c.ts", import.meta.url)',
      'a/c.ts': '', 'a/d.ts': 'import "./b.ts"', 'test/e.test.ts': 'import "./f.ts"', 'test/f.ts': ''
    })
    expect(deadFiles(files, ['index.ts']).map(({ path }) => path)).toEqual(['a/d.ts'])
    expect(deadFiles(files, ['index.ts', 'a/d.ts'])).toEqual([])
    const ruled = project({ 'a.ts': '', 'test/tidy.test.ts': 'export const rule = "a.ts"' })
    expect(deadFiles(ruled, []).map(({ path }) => path)).toEqual(['a.ts'])
  })

  it('imports of nothing', () => {
    expect(told(missingFiles(project({ 'a.ts': 'import "./b.ts"' })))).toEqual(['a.ts:1: there is no b.ts'])
  })

  it('a driver in two files', () => {
    const files = project({
      'consumers/a.ts': 'await import("@nats-io/transport-node")',
      'consumers/b.ts': '\nawait import("@nats-io/transport-node")',
      'test/c.ts': 'import "@nats-io/transport-node"'
    })
    expect(told(driversInOneFile(files.values(), some)))
      .toEqual(['consumers/b.ts:2: @nats-io/transport-node is imported by consumers/a.ts: go through it'])
  })

  it('public names that no comment explains', () => {
    const files = project({
      'index.ts': `import { d } from "./d.ts"\nexport { d }
        export { a } from "./a.ts"\nexport * from "./b.ts"\nexport { E } from "./e.ts"`,
      'a.ts': '/** A. */\nexport const a = 1\nexport const private_ = 2',
      'b.ts': 'export { c } from "./c.ts"\n// Not for the reader.\nexport interface B {}',
      'c.ts': '/** Of the file. */\nconst b = 1\nexport const c = () => b',
      'e.ts': '/** E. */\nexport const E = 1\nexport type E = 1',
      'd.ts': 'export function d() {}'
    })
    expect(undocumented(['index.ts'], files).map(({ path, line, message }) => [path, line, message.split(' ')[0]]))
      .toEqual([['d.ts', 1, 'd'], ['c.ts', 3, 'c'], ['b.ts', 3, 'B']])
  })

  it('long lines, and the names of places', () => {
    expect(lineRules('a.ts', `${'x'.repeat(140)}\n${'x'.repeat(141)}`).map(({ line }) => line)).toEqual([2])
    for (const place of [['/wor', 'k/main'], ['/roo', 't/go'], ['https://registry.npm', 'js.org/x']]) {
      expect(lineRules('.ci/run', `\ncp ${place.join('')} .`).map(({ line }) => line)).toEqual([2])
    }
  })
})
