import { target } from './files.ts'
import { type Finding, lineAt, type Source } from './source.ts'

type Sources = ReadonlyMap<string, Source>

interface Declared {
  readonly source: Source
  readonly name: string
  readonly at: number
}

/** Where the names that a module exports are declared, through however many hands they pass. */
export const declarations = (path: string, sources: Sources, only?: string): readonly Declared[] => {
  const source = sources.get(path)
  if (source === undefined) return []
  return source.exports.flatMap(({ name, local, from, at }): readonly Declared[] => {
    if (only !== undefined && name !== null && name !== only) return []
    const imported = source.imports.find(({ names }) => local !== null && names.includes(local))
    const to = target(path, from ?? imported?.module ?? '')
    if (to !== undefined) return declarations(to, sources, name === null ? only : local ?? undefined)
    return name === null ? [] : [{ source, name, at }]
  })
}

const hasDocComment = ({ source, at }: Declared): boolean => {
  const statement = source.program.body.find(({ start, end }) => start <= at && at < end)
  const before = statement?.start ?? at
  return source.comments.some(({ type, value, end }) =>
    type === 'Block' && value.startsWith('*') && end <= before && source.text.slice(end, before).trim() === '')
}

/** What an app can import and no comment says the meaning of. */
export const undocumented = (entries: readonly string[], sources: Sources): readonly Finding[] => {
  const all = entries.flatMap((entry) => declarations(entry, sources))
  // A schema and the type that comes from it have one name, and one comment.
  const byName = Map.groupBy(all, ({ source, name }) => `${source.path} ${name}`)
  return [...byName.values()].filter((declared) => !declared.some(hasDocComment)).flatMap(([first]) => {
    if (first === undefined) return []
    const { source: { path, text }, name, at } = first
    const message = `${name} is public: a comment says its meaning, units, bounds, errors`
    return { path, line: lineAt(text, at), message }
  })
}
