import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Mutant } from './mutants.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** From now on this process loads one of our files with a patch in it. To be called before anything loads that file. */
export const patch = ({ file, find, name, replace }: Mutant): void => {
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context)
      if (!url.startsWith('file:') || fileURLToPath(url) !== `${root}${file}`) return loaded
      const source = Buffer.from(loaded.source as Uint8Array).toString()
      if (source.split(find).length !== 2) throw new Error(`the mutant "${name}" finds its place not once in ${file}`)
      return { ...loaded, source: source.replace(find, () => replace) }
    }
  })
}
