import { describe, expect, test } from 'vitest'
import { readArguments } from '../../bench/harness/options.ts'

const read = (...args: string[]) => readArguments(args, ['validate', 'replay'])

describe('the command line', () => {
  test('nothing asked lists the cases', () => {
    expect(read()).toEqual({ kind: 'list' })
    expect(read('--help')).toEqual({ kind: 'list' })
  })

  test('a case, with what it is to use', () => {
    expect(read('validate')).toEqual(
      { kind: 'run', name: 'validate', sessions: undefined, rounds: undefined, json: undefined, quick: false })
    expect(read('replay', '--sessions', '10000000', '--rounds', '3', '--json', 'out.json', '--quick')).toEqual(
      { kind: 'run', name: 'replay', sessions: 10_000_000, rounds: 3, json: 'out.json', quick: true })
  })

  test.each([
    [['nothing'], 'there is no case nothing; there are validate, replay'],
    [['validate', 'replay'], 'one case at a time: validate, not also replay'],
    [['validate', '--session', '5'], "Unknown option '--session'"],
    [['validate', '--sessions', '0'], '--sessions must be a whole number from 1 to 50000000, not 0'],
    [['validate', '--sessions', '1e6'], '--sessions must be a whole number'],
    [['validate', '--sessions', '-5'], '--sessions'],
    [['validate', '--rounds', '2.5'], '--rounds must be a whole number from 1 to 1000, not 2.5'],
    [['validate', '--json'], '--json']
  ])('%j is refused with a reason', (args, reason) => {
    expect(read(...args)).toEqual({ kind: 'wrong', message: expect.stringContaining(reason) as string })
  })
})
