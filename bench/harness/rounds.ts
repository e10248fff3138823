import { WrongAnswer } from './case.ts'
import { breathe } from './machine.ts'
import type { Progress } from './progress.ts'

/** What one contender did in one round. */
export interface Trial {
  /** What is compared: time, bytes. */
  readonly value: number
  /** How many answers were right, and how many were asked for: one wrong answer ends the run. */
  readonly right: number
  readonly asked: number
  /** Made of the answers, so that no compiler may leave the work out. */
  readonly checksum: number
}

export interface Contender<Name extends string> {
  readonly name: Name
  /** Asserts right answers before anything is timed. Throws `WrongAnswer`. */
  readonly check: () => void | Promise<void>
  readonly trial: (round: number) => Trial | Promise<Trial>
}

export interface Rounds<Name extends string> {
  /** The values by contender, one a round. */
  readonly values: Readonly<Record<Name, readonly number[]>>
  /** Of all trials together. */
  readonly checksum: number
}

/** The order in a round: who goes first takes turns, so that none always profits from the one before. */
export const orderIn = <T>(round: number, contenders: readonly T[]): readonly T[] => {
  const first = round % contenders.length
  return [...contenders.slice(first), ...contenders.slice(0, first)]
}

/** Runs the contenders in turns, `warmups` rounds for the compiler and then `rounds` that count. */
export const interleave = async <Name extends string>(
  contenders: ReadonlyArray<Contender<Name>>,
  options: {
    readonly rounds: number
    readonly warmups: number
    readonly progress: Progress
    /** The first always goes first: for a contender that works on what the one before it made. */
    readonly inOrder?: boolean
  }
): Promise<Rounds<Name>> => {
  for (const contender of contenders) await contender.check()
  const values: Record<string, number[]> = Object.fromEntries(contenders.map(({ name }) => [name, []]))
  let checksum = 0
  options.progress.begin(contenders.map(({ name }) => name).join(', '), options.rounds + options.warmups)
  for (let round = -options.warmups; round < options.rounds; round++) {
    for (const contender of options.inOrder === true ? contenders : orderIn(round + options.warmups, contenders)) {
      await breathe()
      const trial = await contender.trial(round)
      if (trial.right !== trial.asked) {
        const answered = `${trial.right} of ${trial.asked}`
        throw new WrongAnswer(`${contender.name} answered ${answered} rightly in round ${round}: no figure`)
      }
      checksum = (Math.imul(checksum, 31) + trial.checksum) | 0
      if (round >= 0) values[contender.name]!.push(trial.value)
    }
    options.progress.step()
  }
  options.progress.end()
  return { values: values as Record<Name, number[]>, checksum: checksum >>> 0 }
}
