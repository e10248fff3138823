import { WrongAnswer, type Bench, type Case, type Outcome } from '../harness/case.ts'
import { chance } from '../harness/chance.ts'
import { floorOf, type Floor } from '../harness/floor.ts'
import { openPopulated, type Populated } from '../harness/opened.ts'
import type { Population } from '../harness/population.ts'
import { pass, presentedTokens, type Pass } from '../harness/presented.ts'
import { figure, ratio } from '../harness/report.ts'
import { interleave, type Contender } from '../harness/rounds.ts'

/**
 * Hits: `sessions.validate(token)` of an open node, by the public door and with its defaults (so it reads the clock,
 * holds the fence, and counts the presentation as activity), against the floor (harness/floor.ts).
 *
 * Each token is a fresh string, drawn at random over all sessions anew for every trial, so that neither the engine nor
 * the processor's caches know it. The making of the strings is in neither time; the ratio with it on both sides, which
 * can only look better, is given beside it. `validate, subject read` reads one field of the session as well, because
 * what an index decodes on demand would otherwise not be seen.
 */
const perTrial = 200_000
const perTrialQuick = 2_000

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
  if (floor.readAll(tokens) !== floor.expected(tokens)) throw new WrongAnswer('the floor reads other lines than it should')
}

/** The same over the making of the strings as well, round by round. */
interface WithStrings {
  readonly validate: number[]
  readonly floor: number[]
  readonly strings: number[]
}

const contenders = (populated: Populated, count: number, withStrings: WithStrings) => {
  const { people } = populated
  const floor = floorOf(people.size)
  let draws = 0
  const draw = (use: (tokens: readonly string[]) => number): Pass => {
    const among = chance(1_000 + draws++)
    return pass(presentedTokens(count, () => people.token(among.below(people.size))), use)
  }
  const ours: Contender<'validate'> = {
    name: 'validate',
    check: () => checkValid(populated, 2_000),
    trial: (round) => {
      const { ns, nsWithStrings, sum } = draw((tokens) => countValid(populated, tokens))
      if (round >= 0) withStrings.validate.push(nsWithStrings)
      return { value: ns, right: sum, asked: count, checksum: sum }
    }
  }
  const theirs: Contender<'floor'> = {
    name: 'floor',
    check: () => checkFloor(floor, people),
    trial: (round) => {
      const { ns, nsWithStrings, sum } = draw((tokens) => floor.readAll(tokens))
      if (round >= 0) {
        withStrings.floor.push(nsWithStrings)
        withStrings.strings.push(nsWithStrings - ns)
      }
      return { value: ns, right: sum >= count ? count : 0, asked: count, checksum: sum }
    }
  }
  const reading: Contender<'validate, subject read'> = {
    name: 'validate, subject read',
    check: () => {},
    trial: () => {
      const { ns, sum } = draw((tokens) => readSubjects(populated, tokens))
      return { value: ns, right: sum / people.subject(0).length, asked: count, checksum: sum }
    }
  }
  return [ours, theirs, reading] as const
}

const run = async (bench: Bench): Promise<Outcome> => {
  const populated = await openPopulated(bench.sessions(1_000_000), bench.progress)
  const { people, sessions } = populated
  const withStrings: WithStrings = { validate: [], floor: [], strings: [] }
  try {
    const { values, checksum } = await interleave(
      contenders(populated, bench.size(perTrial, perTrialQuick), withStrings),
      { rounds: bench.rounds(11), warmups: 3, progress: bench.progress })
    bench.note(`${people.size} sessions in ${sessions.health().sessions.bytes} bytes of index, checksum ${checksum}`)
    const { validate, floor, 'validate, subject read': reading } = values
    return {
      figures: [
        figure('validate', 'ns', validate), figure('validate, subject read', 'ns', reading), figure('floor', 'ns', floor),
        figure('making the string', 'ns', withStrings.strings)
      ],
      ratios: [
        ratio('validate/floor', validate, floor),
        ratio('validate, subject read/floor', reading, floor),
        ratio('validate + string/floor + string', withStrings.validate, withStrings.floor)
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
