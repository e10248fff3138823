import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Lacking } from './case.ts'

const folder = fileURLToPath(new URL('../', import.meta.url))

/** A package.json, or a lock file, as far as it is read here. */
interface Listing {
  readonly [key: string]: Readonly<Record<string, string | { readonly version?: string }>>
}

const versions = (file: string, of: string): ReadonlyMap<string, string> => {
  const parsed = JSON.parse(readFileSync(file, 'utf8')) as Listing
  return new Map(Object.entries(parsed[of] ?? {}).map(([name, value]) =>
    [name, typeof value === 'string' ? value : value.version ?? '']))
}

/** Whether what bench/package.json asks for lies in bench/node_modules, in the versions that it names. */
const installed = (): boolean => {
  try {
    const there = versions(`${folder}node_modules/.package-lock.json`, 'packages')
    return [...versions(`${folder}package.json`, 'dependencies')]
      .every(([name, version]) => there.get(`node_modules/${name}`) === version)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}

/** Sees to the packages of the peers. Says so when it installs them. */
export const installPeers = (say: (line: string) => void): void => {
  if (installed()) return
  say('The peers are not installed yet: npm ci --prefix bench')
  const { status, error } = spawnSync('npm', ['ci', '--prefix', folder, '--ignore-scripts', '--loglevel=error'], {
    stdio: ['ignore', 'ignore', 'inherit']
  })
  if (status !== 0) {
    const reason = error?.message ?? `exit ${status}`
    throw new Lacking(`the packages of the peers could not be installed (npm ci --prefix bench: ${reason})`)
  }
}
