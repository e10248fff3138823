import { inLibrary, target } from './files.ts'
import { type Finding, type Import, lineAt, type Source } from './source.ts'

/** What the rules need to know of package.json. */
export interface Dependencies {
  readonly dependencies: readonly string[]
  readonly peerDependencies: readonly string[]
}

/** From the bottom up: a file imports its own layer and those below it. */
const layers: readonly (readonly [name: string, holds: (path: string) => boolean])[] = [
  ['core/domain', (path) => path.startsWith('core/domain/')],
  ['core/log', (path) => /^core\/(?:log|nats|kafka)\//.test(path) || /^core\/[^/]+\.ts$/.test(path)],
  ['core/store', (path) => path.startsWith('core/store/')],
  ['projections', (path) => path.startsWith('projections/')],
  ['consumers', (path) => path.startsWith('consumers/') && !/^consumers\/(?:http|cli)\//.test(path)],
  ['index.ts', (path) => path === 'index.ts'],
  ['consumers/http and consumers/cli', (path) => /^consumers\/(?:http|cli)\//.test(path)],
  ['bench, test, examples', () => true]
]
const layerOf = (path: string): number => layers.findIndex(([, holds]) => holds(path))
const skins = layerOf('consumers/http/')

/** A backend of the log: its name, for the file core/log/NAME.ts and what is in core/log/NAME/. */
const backendOf = (path: string): string | undefined => {
  const name = /^core\/log\/([^/.]+)/.exec(path)?.[1]
  return ['memory', 'sqlite', 'jetstream', 'kafka'].find((backend) => backend === name)
}
/** Who chooses among the backends. All else is written against the port. */
const choosers = ['index.ts', 'consumers/effect.ts', 'consumers/cli/address.ts', 'consumers/cli/secrets.ts']

/** What package.json exports: all that an app sees. */
const doors = [
  'index.ts', 'consumers/effect.ts', 'consumers/archive.ts', 'consumers/copy.ts', 'consumers/broadcast/nats.ts',
  'core/log/jetstream.ts', 'core/log/kafka.ts'
]
/** No part of the store, and needed to read options, time and chance in the same way. */
const plain = ['core/clock.ts', 'core/random.ts', 'core/domain/limits.ts']

const upwards = (from: string, to: string): string | undefined => {
  const [own, other] = [layerOf(from), layerOf(to)]
  if (own === skins && other !== skins && !doors.includes(to) && !plain.includes(to)) {
    return `${from} sees no more than an app does: import index.ts, or another door of the package`
  }
  if (other <= own) return undefined
  return `${layers[own]?.[0]} may not import ${layers[other]?.[0]}: take what it needs as an argument, or a port`
}

const backend = (from: string, to: string): string | undefined => {
  const [own, other] = [backendOf(from), backendOf(to)]
  if (other === undefined || own === other || choosers.includes(from) || !inLibrary(from)) return undefined
  return own === undefined
    ? 'a backend of the log is named only where it is chosen: use the port, core/log/port.ts'
    : 'a backend of the log never imports another: share through a file of core/log'
}

/** The folders and files that are pure, and what they take from outside. */
const pure: readonly (readonly [place: string, modules: readonly string[]])[] = [
  ['core/domain/', ['effect/Schema', 'effect/Duration', 'effect/Result']],
  ['core/log/position.ts', []],
  ['projections/', []]
]
/** The digest of a token is the one thing that a pure folder takes from Node. */
const hashes = ['core/domain/token.ts', 'projections/validity/check.ts']
const isHash = (from: string, { module, names }: Import): boolean =>
  module === 'node:crypto' && names.length === 1 && names[0] === 'hash' && hashes.includes(from)

const pureness = (from: string, found: Import): string | undefined => {
  const [place, modules] = pure.find(([start]) => from.startsWith(start)) ?? []
  if (modules === undefined || modules.includes(found.module) || isHash(from, found)) return undefined
  return `${place} is pure: no ${found.module}; take it as an argument`
}

const clocks = ['node:timers', 'node:timers/promises', 'node:perf_hooks']
const isChance = (name: string): boolean => /^random|^getRandomValues$|^webcrypto$/.test(name)

const ambient = (from: string, { module, names, typeOnly }: Import): string | undefined => {
  if (clocks.includes(module) && from !== 'core/clock.ts') return 'time comes from the Clock of core/clock.ts'
  // All of it, under whatever name, is its randomness as well.
  const all = !typeOnly && (names.length === 0 || names.includes('default'))
  if (module === 'node:crypto' && (all || names.some(isChance)) && from !== 'core/random.ts') {
    return 'randomness comes from an argument of type Random, which core/random.ts makes'
  }
  return undefined
}

const packageOf = (module: string): string => module.split('/').slice(0, module.startsWith('@') ? 2 : 1).join('/')

const driver = (found: Import, { dependencies, peerDependencies }: Dependencies): string | undefined => {
  const name = packageOf(found.module)
  if (name.startsWith('node:') || dependencies.includes(name)) return undefined
  if (!peerDependencies.includes(name)) return `${name} is not among the dependencies of package.json`
  return found.kind === 'dynamic' || found.typeOnly
    ? undefined
    : `${name} is optional: import it with import(), when it is used`
}

const onPackage = (path: string, found: Import, dependencies: Dependencies): string | undefined => {
  if (found.module === 'effect') return "this loads the whole of effect: import 'effect/Effect' and so on"
  if (!inLibrary(path)) return undefined
  return pureness(path, found) ?? ambient(path, found) ?? driver(found, dependencies)
}

const onFile = (from: string, to: string, found: Import): string | undefined => {
  if (!to.endsWith('.ts')) return 'the import of a file ends in .ts'
  const wrong = upwards(from, to) ?? backend(from, to)
  if (wrong !== undefined || found.typeOnly || !from.startsWith('projections/')) return wrong
  return to.startsWith('projections/') || pure.some(([place]) => to.startsWith(place))
    ? undefined
    : 'projections are pure: from a file that is not they import types only'
}

/** Checks the imports of one file, whatever the others are. */
export const importRules = (source: Source, dependencies: Dependencies): readonly Finding[] =>
  source.imports.flatMap((found) => {
    const { path, text } = source
    const to = target(path, found.module)
    const message = to === undefined ? onPackage(path, found, dependencies) : onFile(path, to, found)
    return message === undefined ? [] : { path, line: lineAt(text, found.at), message }
  })

/** A driver is the business of one file, so that one file knows what it may fail of. */
export const driversInOneFile = (sources: Iterable<Source>, { peerDependencies }: Dependencies): readonly Finding[] => {
  const users = new Map<string, string>()
  return [...sources].flatMap(({ path, text, imports }) => imports.flatMap((found) => {
    const name = packageOf(found.module)
    if (!inLibrary(path) || !peerDependencies.includes(name)) return []
    const first = users.get(name) ?? path
    users.set(name, first)
    if (first === path) return []
    return { path, line: lineAt(text, found.at), message: `${name} is imported by ${first}: go through it` }
  }))
}
