import type { Attributes } from './events.ts'

/** The most that the attributes of one session may take, in characters of JSON. */
export const attributesLengthMax = 4_096
/** The deepest nesting of attributes. */
export const attributesDepthMax = 16

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Keys that change what an object is instead of what it holds. */
const isForbiddenKey = (key: string): boolean => key === '__proto__'

export interface AttributesProblem {
  readonly kind: 'not-json' | 'too-large'
  readonly detail: string
}

const problemAt = (value: unknown, path: string, depth: number): AttributesProblem | undefined => {
  if (depth > attributesDepthMax) return { kind: 'not-json', detail: `${path} nests deeper than ${attributesDepthMax}` }
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : { kind: 'not-json', detail: `${path} is not a finite number` }
    case 'object':
      break
    default:
      return { kind: 'not-json', detail: `${path} is a ${typeof value}` }
  }
  if (value === null) return undefined
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const problem = problemAt(value[i], `${path}[${i}]`, depth + 1)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    return { kind: 'not-json', detail: `${path} is not a plain object` }
  }
  for (const key of Object.keys(value)) {
    if (isForbiddenKey(key)) return { kind: 'not-json', detail: `${path} has the key ${key}` }
    const problem = problemAt((value as Record<string, unknown>)[key], `${path}.${key}`, depth + 1)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** What is wrong with the app's attributes (or a patch of them), if anything: they must be a plain JSON object. */
export const attributesProblem = (value: unknown): AttributesProblem | undefined => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { kind: 'not-json', detail: 'attributes are not an object' }
  }
  const problem = problemAt(value, 'attributes', 0)
  if (problem !== undefined) return problem
  const length = JSON.stringify(value).length
  return length > attributesLengthMax
    ? { kind: 'too-large', detail: `attributes take ${length} characters of JSON; the most is ${attributesLengthMax}` }
    : undefined
}

const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const merge = (target: Json | undefined, patch: Json): Json => {
  if (!isObject(patch)) return patch
  const result: Record<string, Json> = {}
  if (isObject(target)) for (const key of Object.keys(target)) result[key] = target[key]!
  for (const key of Object.keys(patch)) {
    const value = patch[key]!
    if (isForbiddenKey(key)) continue
    if (value === null) delete result[key]
    else result[key] = merge(Object.hasOwn(result, key) ? result[key] : undefined, value)
  }
  return result
}

/** RFC 7396: keys of the patch replace, null removes, objects merge. */
export const mergePatch = (target: Attributes, patch: Attributes): Attributes =>
  merge(target as Json, patch as Json) as Attributes
