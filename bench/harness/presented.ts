/**
 * What clients present, as a server gets it: each a fresh string, made from the bytes of a Cookie header and, for a
 * token, cut out of it. So no engine has seen the string before, and no hash of it lies ready.
 *
 * The strings are made in small portions right before they are used: making them is no work of the lookup and is left
 * out of the time, and they are as warm as those of a request that has just been parsed. What the lookup reads is not
 * warmed by that.
 */
export interface Presented {
  readonly count: number
  /** Makes the strings of the portion that begins at `from`. The array is used again by the next call. */
  readonly portion: (from: number) => readonly string[]
}

/** How many strings lie ready at a time: a few ten kilobytes, small enough to stay in the first caches. */
export const portionSize = 256

const from = (count: number, header: (i: number) => string, before: number, after: number): Presented => {
  const ends = new Uint32Array(count + 1)
  const parts: Buffer[] = []
  for (let i = 0; i < count; i++) {
    const bytes = Buffer.from(header(i), 'latin1')
    parts.push(bytes)
    ends[i + 1] = ends[i]! + bytes.length
  }
  const bytes = Buffer.concat(parts)
  const strings: string[] = []
  return {
    count,
    portion: (first) => {
      strings.length = 0
      for (let i = first; i < Math.min(count, first + portionSize); i++) {
        const text = bytes.toString('latin1', ends[i]!, ends[i + 1]!)
        strings.push(before + after === 0 ? text : text.slice(before, text.length - after))
      }
      return strings
    }
  }
}

const before = 'theme=dark; session='
const after = '; locale=en'

/** Tokens, each cut out of a header of its own. */
export const presentedTokens = (count: number, token: (i: number) => string): Presented =>
  from(count, (i) => before + token(i) + after, before.length, after.length)

/** Whole headers. */
export const presentedHeaders = (headers: readonly string[]): Presented =>
  from(headers.length, (i) => headers[i]!, 0, 0)

/** What a pass over all strings took. */
export interface Pass {
  /** Nanoseconds per string. */
  readonly ns: number
  /** Nanoseconds per string, the making of it included. */
  readonly nsWithStrings: number
  /** The sum of what `use` returned. */
  readonly sum: number
}

/** Gives every string once to `use`, which returns a number made of its answers. */
export const pass = (given: Presented, use: (strings: readonly string[]) => number): Pass => {
  let sum = 0
  let inUse = 0
  const began = process.hrtime.bigint()
  for (let first = 0; first < given.count; first += portionSize) {
    const strings = given.portion(first)
    const start = process.hrtime.bigint()
    sum += use(strings)
    inUse += Number(process.hrtime.bigint() - start)
  }
  return { ns: inUse / given.count, nsWithStrings: Number(process.hrtime.bigint() - began) / given.count, sum }
}

/** The same for what answers later: `atOnce` of them are under way at a time. */
export const passAsync = async (
  given: Presented, atOnce: number, use: (text: string) => Promise<number>
): Promise<Pass> => {
  let sum = 0
  let inUse = 0
  const began = process.hrtime.bigint()
  for (let first = 0; first < given.count; first += portionSize) {
    const strings = given.portion(first)
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < strings.length) {
        const answer = await use(strings[next++]!)
        sum += answer
      }
    }
    const start = process.hrtime.bigint()
    await Promise.all(Array.from({ length: atOnce }, worker))
    inUse += Number(process.hrtime.bigint() - start)
  }
  return { ns: inUse / given.count, nsWithStrings: Number(process.hrtime.bigint() - began) / given.count, sum }
}
