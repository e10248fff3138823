import { WrongAnswer, type Bench, type Case, type Outcome } from '../harness/case.ts'
import { chance } from '../harness/chance.ts'
import { duel, type Duellist } from '../harness/duel.ts'
import { floorOf } from '../harness/floor.ts'
import { openPopulated, type Populated } from '../harness/opened.ts'
import { population } from '../harness/population.ts'
import { presentedTokens, type Presented } from '../harness/presented.ts'
import { figure, ratio } from '../harness/report.ts'
import type { Refusal } from '../../index.ts'
import { checkFloor } from './validate.ts'

/**
 * Refusals, against the same floor as hits: tokens that no session has ever had, an eighth of them with a character
 * that no token has, and strings that are no tokens at all. Fresh strings, as for `validate`; the floor gets well-formed
 * tokens, whatever ours gets.
 * `refuse/floor` is in every round the worse of the two.
 */
const perRound = 100_000
const perRoundQuick = 2_000

/** What scanners and broken clients send: too short, too long, another scheme's token, nothing. */
const garbage: ReadonlyArray<(token: string) => string> = [
  (token) => token.slice(1),
  (token) => `${token}=`,
  (token) => `s%3A${token}.${token}`,
  (token) => `eyJhbGciOiJIUzI1NiJ9.${token.repeat(4)}.${token}`,
  () => '',
  () => 'null'
]

/** Of the right length, with a character that no token has: for the index a token like any other. */
const misspelt = (token: string): string => `${token.slice(0, 20)}+${token.slice(21)}`

const countRefused = ({ sessions }: Populated, reason: Refusal, tokens: readonly string[]): number => {
  let refused = 0
  for (let i = 0; i < tokens.length; i++) {
    const verdict = sessions.validate(tokens[i]!)
    if (!verdict.ok && verdict.reason === reason) refused++
  }
  return refused
}

const duellists = (populated: Populated, count: number) => {
  const { sessions, people } = populated
  const floor = floorOf(people.size)
  const strangers = population(people.size, 0, 2)
  const draw = (seed: number, make: (token: string, i: number) => string) => (round: number): Presented => {
    const among = chance(seed, round)
    return presentedTokens(count, (i) => make(strangers.token(among.below(strangers.size)), i))
  }
  const refusing = <Name extends string>(
    name: Name, reason: Refusal, seed: number, make: (token: string, i: number) => string
  ): Duellist<Name> => ({
    name,
    check: () => {
      for (let i = 0; i < 1_000; i++) {
        const verdict = sessions.validate(make(strangers.token(i % strangers.size), i))
        if (verdict.ok || verdict.reason !== reason) {
          throw new WrongAnswer(`validate answers ${verdict.ok ? 'ok' : verdict.reason} where ${reason} is right`)
        }
      }
      if (!sessions.validate(people.token(0)).ok) throw new WrongAnswer('validate refuses a good token')
    },
    draw: draw(seed, make),
    use: (tokens) => countRefused(populated, reason, tokens),
    isRight: (sum, asked) => sum === asked
  })
  const theirs: Duellist<'floor'> = {
    name: 'floor',
    check: () => checkFloor(floor, people),
    draw: draw(202, (token) => token),
    use: floor.readAll,
    isRight: (sum, asked) => sum >= asked
  }
  return [
    refusing('unknown', 'unknown', 201, (token, i) => i % 8 === 0 ? misspelt(token) : token),
    theirs,
    refusing('garbage', 'malformed', 203, (token, i) => garbage[i % garbage.length]!(token))
  ] as const
}

const run = async (bench: Bench): Promise<Outcome> => {
  const populated = await openPopulated(bench.sessions(1_000_000), bench.progress)
  const count = bench.size(perRound, perRoundQuick)
  try {
    const { values: { unknown, garbage, floor }, checksum, leftOut } = await duel(duellists(populated, count),
      { count, rounds: bench.rounds(11), warmups: 3, progress: bench.progress })
    bench.note(`${populated.people.size} sessions, checksum ${checksum}, `
      + `${(leftOut * 100).toFixed(1)} % of the portions left out`)
    const worse = unknown.map((ns, round) => Math.max(ns, garbage[round]!))
    return {
      figures: [figure('unknown', 'ns', unknown), figure('garbage', 'ns', garbage), figure('floor', 'ns', floor)],
      ratios: [
        ratio('refuse/floor', worse, floor), ratio('unknown/floor', unknown, floor),
        ratio('garbage/floor', garbage, floor)
      ]
    }
  } finally {
    await populated.sessions.close()
  }
}

export const refuseCase: Case = {
  name: 'refuse',
  line: 'unknown tokens and garbage, against the same floor',
  reach: { 'refuse/floor': 1.2 },
  run
}
