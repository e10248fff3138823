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
export type CheckedAttributes =
  | { readonly ok: true; readonly attributes: Attributes }
  | { readonly ok: false; readonly problem: AttributesProblem }

/** No JSON value, so that a copy and a refusal cannot be mistaken for each other. */
class Refused {
  readonly problem: AttributesProblem
  constructor(kind: AttributesProblem['kind'], detail: string) {
    this.problem = { kind, detail }
  }
}

/** The keys in a path are the app's, of any length. */
const shown = (path: string): string => path.length <= 80 ? path : `${path.slice(0, 79)}…`
const notJson = (path: string, is: string): Refused => new Refused('not-json', `${shown(path)} ${is}`)

/** Characters of JSON that a copy may still take, at the least that each of its values takes. */
interface Room {
  left: number
}

const tooLarge =
  `attributes take over ${attributesLengthMax} characters of JSON: keep a key in them, and the data elsewhere`

/**
 * Copies a JSON value, reading each part of it once: what was checked is what is written, whatever the app's objects
 * say when they are read again. All that is copied takes room, so a small object whose parts are shared, or that
 * contains itself, cannot unfold into an endless one.
 */
const copy = (value: unknown, path: string, depth: number, room: Room): Json | Refused => {
  if (depth > attributesDepthMax) return notJson(path, `nests deeper than ${attributesDepthMax}`)
  room.left -= typeof value === 'string' ? value.length + 2 : 1
  if (room.left < 0) return new Refused('too-large', tooLarge)
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      // JSON has no -0.
      return Number.isFinite(value) ? value + 0 : notJson(path, 'is not a finite number')
    case 'object':
      break
    default:
      return notJson(path, `is of type ${typeof value}`)
  }
  if (value === null) return null
  return Array.isArray(value) ? copyList(value, path, depth, room) : copyObject(value, path, depth, room)
}

const copyList = (list: readonly unknown[], path: string, depth: number, room: Room): Json | Refused => {
  const result: Json[] = []
  const { length } = list
  for (let i = 0; i < length; i++) {
    const item = copy(list[i], `${path}[${i}]`, depth + 1, room)
    if (item instanceof Refused) return item
    result.push(item)
  }
  return result
}

const copyObject = (value: object, path: string, depth: number, room: Room): Json | Refused => {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return notJson(path, 'is not a plain object: say it in JSON')
  const result: Record<string, Json> = {}
  for (const key of Object.keys(value)) {
    if (isForbiddenKey(key)) return notJson(path, `has the key ${key}`)
    room.left -= key.length + 3
    const field = copy((value as Record<string, unknown>)[key], `${path}.${key}`, depth + 1, room)
    if (field instanceof Refused) return field
    result[key] = field
  }
  return result
}

const checked = (value: unknown): Attributes | Refused => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return new Refused('not-json', 'attributes are not an object')
  }
  const attributes = copy(value, 'attributes', 0, { left: attributesLengthMax })
  if (attributes instanceof Refused) return attributes
  const { length } = JSON.stringify(attributes)
  return length <= attributesLengthMax
    ? attributes as Attributes
    : new Refused('too-large', `attributes take ${length} characters of JSON; the most is ${attributesLengthMax}`)
}

/** A plain copy of the app's attributes (or of a patch of them), or what is wrong: they must be a plain JSON object. */
export const checkAttributes = (value: unknown): CheckedAttributes => {
  try {
    const result = checked(value)
    return result instanceof Refused ? { ok: false, problem: result.problem } : { ok: true, attributes: result }
  } catch {
    // Of what was run here, only the app's own getters and proxies can throw.
    return { ok: false, problem: { kind: 'not-json', detail: 'attributes cannot be read: reading one of them throws' } }
  }
}

/** What is wrong with the app's attributes (or a patch of them), if anything. */
export const attributesProblem = (value: unknown): AttributesProblem | undefined => {
  const result = checkAttributes(value)
  return result.ok ? undefined : result.problem
}

const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What nests deeper than attributes may is taken as it is, for whoever measures the result to refuse. */
const merge = (target: Json | undefined, patch: Json, depth: number): Json => {
  if (!isObject(patch) || depth > attributesDepthMax) return patch
  const result: Record<string, Json> = {}
  if (isObject(target)) {
    for (const key of Object.keys(target)) if (!isForbiddenKey(key)) result[key] = target[key]!
  }
  for (const key of Object.keys(patch)) {
    const value = patch[key]!
    if (isForbiddenKey(key)) continue
    if (value === null) delete result[key]
    else result[key] = merge(Object.hasOwn(result, key) ? result[key] : undefined, value, depth + 1)
  }
  return result
}

/** RFC 7396: keys of the patch replace, null removes, objects merge. */
export const mergePatch = (target: Attributes, patch: Attributes): Attributes =>
  merge(target as Json, patch as Json, 0) as Attributes
