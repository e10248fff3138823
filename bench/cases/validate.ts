import { WrongAnswer, type Bench, type Case, type Outcome } from '../harness/case.ts'
import { chance } from '../harness/chance.ts'
import { duel, type Duellist } from '../harness/duel.ts'
import { floorOf, type Floor } from '../harness/floor.ts'
import { openPopulated, type Populated } from '../harness/opened.ts'
import type { Population } from '../harness/population.ts'
import { presentedTokens, type Presented } from '../harness/presented.ts'
import { figure, ratio } from '../harness/report.ts'

/**
 * Hits: `sessions.validate(token)` of an open node, by the public door and with its defaults (so it reads the clock,
 * holds the fence, and counts the presentation as activity), against the floor (harness/floor.ts).
 *
 * Each token is a fresh string, drawn at random over all sessions anew for every round, so that neither the engine nor
 * the processor's caches know it. The making of the strings is in neither time; the ratio with it on both sides, which
 * can only look better, is given beside it. `validate, subject read` reads one field of the session as well, because
 * what an index decodes on demand would otherwise not be seen.
 */
const perRound = 100_000
const perRoundQuick = 2_000

const countValid = ({ sessions }: Populated, tokens: readonly string[]): number => {
  let valid = 0
  for (let i = 0; i < tokens.length; i++) if (sessions.validate(tokens[i]!).ok) valid++
  return valid
}

/** All subjects of a population are of one length: the sum of lengths is right only if every token was accepted. */
const readSubjects = ({ sessions }: Populated, tokens: readonly string[]): number => {
  let length = 0
  for (let i = 0; i < tokens.length; i++) {
    const verdict = sessions.validate(tokens[i]!)
    if (verdict.ok) length += verdict.session.subject?.length ?? 0
  }
  return length
}

const checkValid = ({ sessions, people }: Populated, checks: number): void => {
  const among = chance(11)
  for (let n = 0; n < checks; n++) {
    const i = among.below(people.size)
    const verdict = sessions.validate(people.token(i))
    if (!verdict.ok) throw new WrongAnswer(`validate refuses a good token as ${verdict.reason}`)
    if (verdict.session.subject !== people.subject(i) || verdict.session.id !== people.id(i)) {
      throw new WrongAnswer('validate gives the session of another token')
    }
  }
}

export const checkFloor = (floor: Floor, people: Population): void => {
  const tokens = Array.from({ length: Math.min(1_000, people.size) }, (_, i) => people.token(i))
  if (floor.readAll(tokens) !== floor.expected(tokens)) throw new WrongAnswer('the floor reads the wrong lines')
}

const duellists = (populated: Populated, count: number) => {
  const { people } = populated
  const floor = floorOf(people.size)
  const draw = (seed: number) => (round: number): Presented => {
    const among = chance(seed, round)
    return presentedTokens(count, () => people.token(among.below(people.size)))
  }
  const ours: Duellist<'validate'> = {
    name: 'validate',
    check: () => checkValid(populated, 2_000),
    draw: draw(101),
    use: (tokens) => countValid(populated, tokens),
    isRight: (sum, asked) => sum === asked
  }
  const theirs: Duellist<'floor'> = {
    name: 'floor',
    check: () => checkFloor(floor, people),
    draw: draw(102),
    use: floor.readAll,
    isRight: (sum, asked) => sum >= asked
  }
  const reading: Duellist<'validate, subject read'> = {
    name: 'validate, subject read',
    check: () => {},
    draw: draw(103),
    use: (tokens) => readSubjects(populated, tokens),
    isRight: (sum, asked) => sum === asked * people.subject(0).length
  }
  return [ours, theirs, reading] as const
}

const run = async (bench: Bench): Promise<Outcome> => {
  const populated = await openPopulated(bench.sessions(1_000_000), bench.progress)
  const { people, sessions } = populated
  const count = bench.size(perRound, perRoundQuick)
  try {
    const { values, making, checksum, leftOut } = await duel(duellists(populated, count),
      { count, rounds: bench.rounds(11), warmups: 3, progress: bench.progress })
    bench.note(`${people.size} sessions in ${sessions.health().sessions.bytes} bytes of index, checksum ${checksum}, `
      + `${(leftOut * 100).toFixed(1)} % of the portions left out`)
    const { validate, floor, 'validate, subject read': reading } = values
    const plus = (values: readonly number[]): number[] => values.map((ns, round) => ns + making[round]!)
    return {
      figures: [
        figure('validate', 'ns', validate), figure('validate, subject read', 'ns', reading),
        figure('floor', 'ns', floor), figure('making the string', 'ns', making)
      ],
      ratios: [
        ratio('validate/floor', validate, floor),
        ratio('validate, subject read/floor', reading, floor),
        ratio('validate + string/floor + string', plus(validate), plus(floor))
      ]
    }
  } finally {
    await sessions.close()
  }
}

export const validateCase: Case = {
  name: 'validate',
  line: 'a good token, of a million sessions or --sessions N, against one hash and one read of a random line',
  reach: { 'validate/floor': 1.5 },
  run
}
