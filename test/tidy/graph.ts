import { posix } from 'node:path'
import { target } from './files.ts'
import { type Finding, type Import, lineAt, type Source, visit } from './source.ts'

type Sources = ReadonlyMap<string, Source>

const filesOf = (source: Source, imports: readonly Import[]): readonly string[] =>
  imports.flatMap(({ module }) => target(source.path, module) ?? [])

/** The rules name files, and use none of those. */
const isRule = (path: string): boolean => path.startsWith('test/tidy') || path === 'test/surface.test.ts'

/** Files that are named in a string: a worker, a child process, what is imported by a computed name. */
const named = (source: Source, sources: Sources): readonly string[] => {
  if (isRule(source.path)) return []
  const paths: string[] = []
  visit(source, {
    Literal: ({ value }) => {
      if (typeof value !== 'string' || !value.endsWith('.ts')) return
      const fromHere = posix.join(posix.dirname(source.path), value)
      paths.push(...[fromHere, posix.normalize(value)].filter((path) => sources.has(path)))
    }
  })
  return paths
}

/** Imports that lead back to where they came from. Types may: they are gone when the program runs. */
export const cycles = (sources: Sources): readonly Finding[] => {
  const done = new Set<string>()
  const findings: Finding[] = []
  const follow = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      const circle = [...trail.slice(start), path]
      findings.push({ path, line: 1, message: `imports in a circle: ${circle.join(' -> ')}` })
      return
    }
    const source = sources.get(path)
    if (source === undefined || done.has(path)) return
    const atRunTime = source.imports.filter(({ typeOnly }) => !typeOnly)
    for (const next of filesOf(source, atRunTime)) follow(next, [...trail, path])
    done.add(path)
  }
  for (const path of sources.keys()) follow(path, [])
  return findings
}

/** Files that nothing leads to from what package.json exports and runs, and from the tests. */
export const deadFiles = (sources: Sources, entries: readonly string[]): readonly Finding[] => {
  const reached = new Set<string>()
  const reach = (path: string): void => {
    const source = sources.get(path)
    if (source === undefined || reached.has(path)) return
    reached.add(path)
    for (const next of [...filesOf(source, source.imports), ...named(source, sources)]) reach(next)
  }
  for (const path of [...entries, ...[...sources.keys()].filter((name) => name.endsWith('.test.ts'))]) reach(path)
  return [...sources.keys()].filter((path) => !reached.has(path))
    .map((path) => ({ path, line: 1, message: 'nothing leads to this file: remove it, or use it' }))
}

/** Imports of files that do not exist. */
export const missingFiles = (sources: Sources): readonly Finding[] =>
  [...sources.values()].flatMap((source) => source.imports.flatMap(({ module, at }) => {
    const to = target(source.path, module)
    return to === undefined || sources.has(to) ? [] : {
      path: source.path, line: lineAt(source.text, at), message: `there is no ${to}`
    }
  }))
