import type { Finding } from './source.ts'

/** 120 is the aim. A line that reads better a little longer may be. */
const columnsMax = 140

/** Places on one machine or one network alone. The letters in brackets keep a pattern from finding itself. */
const machines = /\/wor[k]\/|\/roo[t]\/|\/home\/[a-z]|\/User[s]\//
const registries = /registry\.npmj[s]|proxy\.golan[g]|deb\.debia[n]|pypi\.or[g]/

/** Checks that go by line, on text of any kind. */
export const lineRules = (path: string, text: string): readonly Finding[] =>
  text.split('\n').flatMap((content, index) => [
    path.endsWith('.ts') && content.length > columnsMax ? `${content.length} columns: at most ${columnsMax}` : [],
    machines.test(content) ? 'a path of one machine: the project names none' : [],
    registries.test(content) ? 'the address of a registry: the project names none' : []
  ].flat().map((message) => ({ path, line: index + 1, message })))
