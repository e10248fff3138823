import { type Comment, parseSync, type Program, Visitor, type VisitorObject } from 'oxc-parser'

/** One `import`, `export … from` or `import()` of a module that is named in the text. */
export interface Import {
  readonly module: string
  readonly kind: 'static' | 'dynamic'
  /** Nothing of it is left when the types are stripped. */
  readonly typeOnly: boolean
  /** The names that it takes from the module; empty: all of it. */
  readonly names: readonly string[]
  readonly at: number
}

/** A name that a module exports: its own, or another's; `name` null: everything that the other exports. */
export interface Export {
  readonly name: string | null
  readonly local: string | null
  readonly from: string | null
  readonly at: number
}

/** A source file, parsed. */
export interface Source {
  /** From the root of the repository, with slashes. */
  readonly path: string
  readonly text: string
  readonly program: Program
  readonly comments: readonly Comment[]
  readonly imports: readonly Import[]
  readonly exports: readonly Export[]
}

/** What is wrong, where, and what to do instead. */
export interface Finding {
  readonly path: string
  readonly line: number
  readonly message: string
}

export const lineAt = (text: string, at: number): number => text.slice(0, at).split('\n').length

export const visit = (source: Source, visitor: VisitorObject): void => new Visitor(visitor).visit(source.program)

/** Throws on a file that cannot be parsed. */
export const parseSource = (path: string, text: string): Source => {
  const { program, module, comments, errors } = parseSync(path, text)
  const [error] = errors
  if (error !== undefined) throw new Error(`${path}: ${error.message}`)
  const exports = module.staticExports.flatMap(({ entries }) => entries)
  return {
    path, text, program, comments,
    imports: [
      ...module.staticImports.map(({ moduleRequest, entries, start }): Import => ({
        module: moduleRequest.value, kind: 'static', at: start,
        typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
        names: entries.flatMap(({ importName: { name } }) => name ?? [])
      })),
      ...exports.flatMap(({ moduleRequest, importName, isType, start }): Import | readonly Import[] =>
        moduleRequest === null ? [] : {
          module: moduleRequest.value, kind: 'static', at: start, typeOnly: isType,
          names: importName.name === null ? [] : [importName.name]
        }),
      ...module.dynamicImports.flatMap(({ moduleRequest: { start, end } }): Import | readonly Import[] => {
        const literal = /^(['"])([^'"]*)\1$/.exec(text.slice(start, end))
        return literal === null ? [] : { module: literal[2]!, kind: 'dynamic', typeOnly: false, names: [], at: start }
      })
    ],
    exports: exports.map(({ moduleRequest, exportName, importName, localName, start }) => ({
      name: exportName.name, local: localName.name ?? importName.name, from: moduleRequest?.value ?? null, at: start
    }))
  }
}
