import type { Expression, VisitorObject } from 'oxc-parser'
import { inLibrary } from './files.ts'
import { type Finding, lineAt, type Source, visit } from './source.ts'

type Report = (at: number, message: string) => void

interface Ban {
  readonly where: (path: string) => boolean
  readonly find: (report: Report, source: Source) => VisitorObject
}

const everywhere = (): boolean => true
const clockless = (path: string): boolean => inLibrary(path) && path !== 'core/clock.ts'
const inTest = (path: string): boolean => path.startsWith('test/')
/** Vitest takes its configuration and a reporter as the default export of a file. */
const mayExportDefault = ['test/vitest.config.ts', 'test/support/reporter.ts']

const useClock = 'time comes from the Clock of core/clock.ts'
const timers = ['setTimeout', 'setInterval', 'setImmediate', 'AbortSignal.timeout']
const clockReads = ['Date.now', 'performance.now', 'process.hrtime']
const suites = ['describe', 'it', 'test', 'suite', 'bench']

/** What an expression calls a global: `Date`, `Date.now` and `globalThis.Date['now']` alike; else undefined. */
const globalName = (expression: Expression): string | undefined => {
  if (expression.type === 'Identifier') return expression.name
  if (expression.type !== 'MemberExpression' || expression.object.type === 'Super') return undefined
  const { object, property } = expression
  const last = property.type === 'Literal' ? String(property.value)
    : property.type === 'Identifier' && !expression.computed ? property.name
    : undefined
  const first = globalName(object)
  if (first === undefined || last === undefined) return undefined
  return first === 'globalThis' ? last : `${first}.${last}`
}

const time: Ban = {
  where: clockless,
  find: (report) => ({
    CallExpression: ({ callee, start }) => {
      const name = callee.type === 'Super' ? undefined : globalName(callee)
      if (name === undefined) return
      if (timers.includes(name)) report(start, `${name}: ${useClock}`)
      if (name === 'Date') report(start, `Date(): ${useClock}`)
    },
    MemberExpression: (expression) => {
      const name = globalName(expression)
      if (name !== undefined && clockReads.includes(name)) report(expression.start, `${name}: ${useClock}`)
    },
    NewExpression: ({ callee, arguments: given, start }) => {
      if (globalName(callee) === 'Date' && given.length === 0) report(start, `new Date(): ${useClock}`)
    }
  })
}

const chance: Ban = {
  where: everywhere,
  find: (report) => ({
    MemberExpression: (expression) => {
      if (globalName(expression) !== 'Math.random') return
      report(expression.start, 'Math.random: take an argument of type Random; in a test or a benchmark a seeded one')
    }
  })
}

const globalCrypto: Ban = {
  where: (path) => inLibrary(path) && path !== 'core/random.ts',
  find: (report) => ({
    MemberExpression: (expression) => {
      const name = globalName(expression)
      if (name === undefined || !/^crypto\.(?:random|getRandomValues$)/.test(name)) return
      report(expression.start, `${name}: take an argument of type Random, which core/random.ts makes`)
    }
  })
}

const erasable: Ban = {
  where: everywhere,
  find: (report) => ({
    TSEnumDeclaration: ({ start }) => report(start, 'enum: Node cannot strip it; a union of strings'),
    TSParameterProperty: ({ start }) => report(start, 'parameter property: Node cannot strip it; declare the field'),
    TSModuleDeclaration: ({ start, declare }) => {
      if (!declare) report(start, 'namespace: Node cannot strip it; a module is one')
    }
  })
}

const defaultExport: Ban = {
  where: (path) => !mayExportDefault.includes(path),
  find: (report) => ({
    ExportDefaultDeclaration: ({ start }) => report(start, 'export default: give it a name')
  })
}

const focused: Ban = {
  where: everywhere,
  find: (report) => ({
    MemberExpression: ({ object, property, start }) => {
      if (property.type !== 'Identifier' || property.name !== 'only') return
      const named = object.type === 'MemberExpression' ? object.object : object
      if (named.type === 'Identifier' && suites.includes(named.name)) report(start, '.only: the rest would not run')
    }
  })
}

const anyType: Ban = {
  where: everywhere,
  find: (report, { comments }) => {
    for (const { value, start } of comments) {
      if (/@ts-(?:ignore|nocheck)\b/.test(value)) report(start, '@ts-ignore: make the types say it')
    }
    return { TSAnyKeyword: ({ start }) => report(start, 'any: unknown and a check, or the type that it has') }
  }
}

const swallowed: Ban = {
  where: everywhere,
  find: (report) => ({
    CatchClause: ({ body, start }) => {
      if (body.body.length === 0) report(start, 'empty catch: handle the error, or let it through')
    },
    CallExpression: ({ callee, arguments: given, start }) => {
      if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return
      const handler = { catch: given[0], then: given[1] }[callee.property.name]
      if (handler?.type !== 'ArrowFunctionExpression' && handler?.type !== 'FunctionExpression') return
      if (handler.body?.type === 'BlockStatement' && handler.body.body.length === 0) {
        report(start, 'empty catch: handle the error, or let it through')
      }
    }
  })
}

const linesMax = 70

/** A suite is as long as its tests are many; each of them is held to the limit, and whatever else is in it. */
const longFunction: Ban = {
  where: everywhere,
  find: (report, { path, text }) => {
    const open: { isSuite: boolean }[] = []
    const enter = (): void => { open.push({ isSuite: false }) }
    const exit = ({ start, end }: { readonly start: number; readonly end: number }): void => {
      const lines = lineAt(text, end) - lineAt(text, start) + 1
      const isSuite = open.pop()?.isSuite === true
      if (lines > linesMax && !isSuite) report(start, `a function of ${lines} lines: at most ${linesMax}, divide it`)
    }
    return {
      FunctionDeclaration: enter, 'FunctionDeclaration:exit': exit,
      FunctionExpression: enter, 'FunctionExpression:exit': exit,
      ArrowFunctionExpression: enter, 'ArrowFunctionExpression:exit': exit,
      CallExpression: ({ callee }) => {
        const named = callee.type === 'MemberExpression' ? callee.object : callee
        if (!inTest(path) || named.type !== 'Identifier') return
        if (!suites.includes(named.name) && !named.name.startsWith('describe')) return
        for (const each of open) each.isSuite = true
      }
    }
  }
}

const unfinished: Ban = {
  where: everywhere,
  find: (report, { comments }) => {
    for (const { value, start } of comments) {
      if (!/\b(?:TODO|FIXME|XXX)\b/.test(value)) continue
      report(start, 'unfinished: finish it, or say in the docs what is missing')
    }
    return {}
  }
}

/** What is not written here, and where not, by name. */
export const bans = {
  time, chance, globalCrypto, erasable, defaultExport, focused, anyType, swallowed, longFunction, unfinished
} as const satisfies Readonly<Record<string, Ban>>

export type BanName = keyof typeof bans
export const banNames = Object.keys(bans) as readonly BanName[]

export const banned = (source: Source, names = banNames): readonly Finding[] => {
  const findings: Finding[] = []
  const { path, text } = source
  for (const ban of names.map((name): Ban => bans[name]).filter(({ where }) => where(path))) {
    visit(source, ban.find((at, message) => findings.push({ path, line: lineAt(text, at), message }), source))
  }
  return findings
}
