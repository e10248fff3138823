import { WrongAnswer } from './case.ts'
import { breathe } from './machine.ts'
import { portionSize, type Presented } from './presented.ts'
import type { Progress } from './progress.ts'
import { orderIn } from './rounds.ts'

/**
 * Contenders that only compute take turns by the portion, a tenth of a millisecond each: whatever the machine does to
 * one it does to all, so their ratio can be had on a machine that is not quiet. A portion in which the system took the
 * processor away is no measure of anything, and is left out; its answers count all the same.
 */
export interface Duellist<Name extends string> {
  readonly name: Name
  /** Asserts right answers before anything is timed. Throws `WrongAnswer`. */
  readonly check: () => void
  /** What is presented in a round: other strings every time. */
  readonly draw: (round: number) => Presented
  /** Works on the strings, and gives a number made of its answers. */
  readonly use: (strings: readonly string[]) => number
  /** Whether the sum of those numbers can be right for so many strings. */
  readonly isRight: (sum: number, count: number) => boolean
}

interface Tally {
  ns: number
  strings: number
  /** Making the strings, which is no contender's work. */
  nsMaking: number
  sum: number
  asked: number
  leftOut: number
}

export interface Duel<Name extends string> {
  /** Nanoseconds per string, by contender, one a round. */
  readonly values: Readonly<Record<Name, readonly number[]>>
  /** Nanoseconds per string that making it took, one a round. */
  readonly making: readonly number[]
  readonly checksum: number
  /** The share of portions that were left out. */
  readonly leftOut: number
}

const interruptions = (): number => process.resourceUsage().involuntaryContextSwitches

const portion = (duellist: Duellist<string>, given: Presented, from: number, tally: Tally): void => {
  const began = process.hrtime.bigint()
  const strings = given.portion(from)
  const before = interruptions()
  const start = process.hrtime.bigint()
  const sum = duellist.use(strings)
  const end = process.hrtime.bigint()
  tally.sum += sum
  tally.asked += strings.length
  if (interruptions() !== before) {
    tally.leftOut++
    return
  }
  tally.ns += Number(end - start)
  tally.nsMaking += Number(start - began)
  tally.strings += strings.length
}

const runRound = (duellists: ReadonlyArray<Duellist<string>>, round: number, count: number): readonly Tally[] => {
  const given = duellists.map((duellist) => duellist.draw(round))
  const tallies = duellists.map((): Tally => ({ ns: 0, strings: 0, nsMaking: 0, sum: 0, asked: 0, leftOut: 0 }))
  const places = duellists.map((_, place) => place)
  for (let from = 0, turn = round; from < count; from += portionSize, turn++) {
    for (const place of orderIn(turn, places)) portion(duellists[place]!, given[place]!, from, tallies[place]!)
  }
  return tallies
}

/** `count`: strings for each in a round. `warmups`: rounds before the first that counts. */
export const duel = async <Name extends string>(
  duellists: ReadonlyArray<Duellist<Name>>,
  options: { readonly count: number; readonly rounds: number; readonly warmups: number; readonly progress: Progress }
): Promise<Duel<Name>> => {
  const { count, rounds, warmups, progress } = options
  for (const { check } of duellists) check()
  const values: Record<string, number[]> = Object.fromEntries(duellists.map(({ name }) => [name, []]))
  const making: number[] = []
  let checksum = 0
  let leftOut = 0
  progress.begin(duellists.map(({ name }) => name).join(', '), rounds + warmups)
  for (let round = 0; round < rounds + warmups; round++) {
    await breathe()
    const tallies = runRound(duellists, round, count)
    for (const [place, { name, isRight }] of duellists.entries()) {
      const tally = tallies[place]!
      if (!isRight(tally.sum, tally.asked)) {
        throw new WrongAnswer(`${name} answered wrongly in round ${round} (${tally.sum} for ${tally.asked}): no figure`)
      }
      if (tally.strings === 0) throw new Error('the machine is too busy: every portion of a round was interrupted')
      checksum = (Math.imul(checksum, 31) + tally.sum) | 0
      if (round >= warmups) values[name]!.push(tally.ns / tally.strings)
      leftOut += tally.leftOut
    }
    if (round >= warmups) making.push(tallies[0]!.nsMaking / tallies[0]!.strings)
    progress.step()
  }
  progress.end()
  const portions = Math.ceil(count / portionSize) * duellists.length * (rounds + warmups)
  return { values: values as Record<Name, number[]>, making, checksum: checksum >>> 0, leftOut: leftOut / portions }
}
