import { WrongAnswer, type Bench, type Case, type Outcome } from '../harness/case.ts'
import { chance } from '../harness/chance.ts'
import { floorOf } from '../harness/floor.ts'
import { openPopulated, type Populated } from '../harness/opened.ts'
import { population } from '../harness/population.ts'
import { pass, presentedTokens } from '../harness/presented.ts'
import { figure, ratio } from '../harness/report.ts'
import { interleave, type Contender } from '../harness/rounds.ts'
import type { Refusal } from '../../index.ts'
import { checkFloor } from './validate.ts'

/**
 * Refusals, against the same floor as hits: tokens of the right form that no session has ever had, and strings that are
 * no tokens at all. Fresh strings, as for `validate`; the floor gets well-formed tokens, whatever ours gets.
 * `refuse/floor` is in every round the worse of the two.
 */
const perTrial = 200_000
const perTrialQuick = 2_000

/** What scanners and broken clients send: too short, too long, one wrong character, another scheme's token, nothing. */
const garbage: ReadonlyArray<(token: string) => string> = [
  (token) => token.slice(1),
  (token) => `${token}=`,
  (token) => `${token.slice(0, -1)}%`,
  (token) => `${token.slice(0, 20)}+${token.slice(21)}`,
  (token) => `s%3A${token}.${token}`,
  (token) => `eyJhbGciOiJIUzI1NiJ9.${token.repeat(4)}.${token}`,
  () => '',
  () => 'null'
]

const countRefused = ({ sessions }: Populated, reason: Refusal, tokens: readonly string[]): number => {
  let refused = 0
  for (let i = 0; i < tokens.length; i++) {
    const verdict = sessions.validate(tokens[i]!)
    if (!verdict.ok && verdict.reason === reason) refused++
  }
  return refused
}

const run = async (bench: Bench): Promise<Outcome> => {
  const populated = await openPopulated(bench.sessions(1_000_000), bench.progress)
  const { sessions, people } = populated
  const floor = floorOf(people.size)
  const strangers = population(people.size, 0, 2)
  const count = bench.size(perTrial, perTrialQuick)
  let draws = 0
  const stranger = (): (() => string) => {
    const among = chance(2_000 + draws++)
    return () => strangers.token(among.below(strangers.size))
  }
  const refusing = <Name extends string>(
    name: Name, reason: Refusal, make: (token: string, i: number) => string
  ): Contender<Name> => ({
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
    trial: () => {
      const token = stranger()
      const given = presentedTokens(count, (i) => make(token(), i))
      const { ns, sum } = pass(given, (tokens) => countRefused(populated, reason, tokens))
      return { value: ns, right: sum, asked: count, checksum: sum }
    }
  })
  const theirs: Contender<'floor'> = {
    name: 'floor',
    check: () => checkFloor(floor, people),
    trial: () => {
      const { ns, sum } = pass(presentedTokens(count, stranger()), (tokens) => floor.readAll(tokens))
      return { value: ns, right: sum >= count ? count : 0, asked: count, checksum: sum }
    }
  }
  try {
    const { values } = await interleave([
      refusing('unknown', 'unknown', (token) => token),
      theirs,
      refusing('garbage', 'malformed', (token, i) => garbage[i % garbage.length]!(token))
    ], { rounds: bench.rounds(11), warmups: 3, progress: bench.progress })
    const worse = values.unknown.map((ns, round) => Math.max(ns, values.garbage[round]!))
    return {
      figures: [
        figure('unknown', 'ns', values.unknown), figure('garbage', 'ns', values.garbage),
        figure('floor', 'ns', values.floor)
      ],
      ratios: [
        ratio('refuse/floor', worse, values.floor),
        ratio('unknown/floor', values.unknown, values.floor),
        ratio('garbage/floor', values.garbage, values.floor)
      ]
    }
  } finally {
    await sessions.close()
  }
}

export const refuseCase: Case = {
  name: 'refuse',
  line: 'unknown tokens and garbage, against the same floor',
  reach: { 'refuse/floor': 1.2 },
  run
}
