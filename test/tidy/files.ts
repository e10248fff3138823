import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSource, type Source } from './source.ts'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** The folders of the library: what an app runs. */
export const inLibrary = (path: string): boolean => /^(?:core|projections|consumers)\/|^index\.ts$/.test(path)

const folders = ['core', 'projections', 'consumers', 'bench', 'test', 'examples', 'docs']
const files = [
  'index.ts', 'README.md', 'package.json', 'docker-compose.yml', '.ci/run', '.oxlintrc.json', 'tsconfig.json'
]

const below = (folder: string): readonly string[] => readdirSync(join(root, folder), { withFileTypes: true })
  .filter(({ name }) => name !== 'node_modules' && !name.startsWith('.'))
  .flatMap((entry) => {
    const path = posix.join(folder, entry.name)
    return entry.isDirectory() ? below(path) : [path]
  })

/** Every text file of the project, by path from the root. */
export const readTexts = (): ReadonlyMap<string, string> => new Map(
  [...files, ...folders.flatMap(below)]
    .filter((path) => statSync(join(root, path)).isFile())
    .map((path) => [path, readFileSync(join(root, path), 'utf8')]))

/** The TypeScript among them, parsed. */
export const parseAll = (texts: ReadonlyMap<string, string>): ReadonlyMap<string, Source> => new Map(
  [...texts].filter(([path]) => path.endsWith('.ts')).map(([path, text]) => [path, parseSource(path, text)]))

/** The file that a relative import names, from the root; undefined: it names a package. */
export const target = (from: string, module: string): string | undefined =>
  module.startsWith('.') ? posix.join(posix.dirname(from), module) : undefined
