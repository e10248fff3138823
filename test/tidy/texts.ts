import type { Finding } from './source.ts'

const columnsMax = 120

/** Places that exist on one machine or one network alone. The letters in brackets keep a pattern from finding itself. */
const foreign = /\/wor[k]\/|\/roo[t]\/|\/home\/[a-z]|\/User[s]\/|registry\.npmj[s]|proxy\.golan[g]|deb\.debia[n]|pypi\.or[g]/

/** Checks that go by line, on text of any kind. */
export const lineRules = (path: string, text: string): readonly Finding[] => text.split('\n').flatMap((content, index) => {
  const at = { path, line: index + 1 }
  return [
    ...path.endsWith('.ts') && content.length > columnsMax
      ? [{ ...at, message: `${content.length} columns: at most ${columnsMax}` }] : [],
    ...foreign.test(content)
      ? [{ ...at, message: 'a path of one machine, or the address of a registry: the project names neither' }] : []
  ]
})
