import { describe, expect, test } from 'vitest'
import { duel, type Duellist } from '../../bench/harness/duel.ts'
import { portionSize, presentedTokens } from '../../bench/harness/presented.ts'
import { silent } from '../../bench/harness/progress.ts'

const count = portionSize * 3 + 5
const options = { count, rounds: 2, warmups: 1, progress: silent }

const duellist = <Name extends string>(
  name: Name, ran: string[], sum = (strings: number) => strings
): Duellist<Name> => ({
  name,
  check: () => { ran.push(`check ${name}`) },
  draw: (round) => presentedTokens(count, (i) => `${round}-${i}`),
  use: (strings) => {
    ran.push(`${name} ${strings[0]}`)
    return sum(strings.length)
  },
  isRight: (total, asked) => total === asked
})

describe('a duel', () => {
  test('takes turns by the portion, and each goes first in turn', async () => {
    const ran: string[] = []
    const { values, making } = await duel([duellist('ours', ran), duellist('theirs', ran)], options)
    expect(ran.slice(0, 2)).toEqual(['check ours', 'check theirs'])
    expect(ran.slice(2, 10)).toEqual([
      'ours 0-0', 'theirs 0-0', 'theirs 0-256', 'ours 0-256', 'ours 0-512', 'theirs 0-512', 'theirs 0-768', 'ours 0-768'
    ])
    expect(ran).toHaveLength(2 + 2 * 4 * 3)
    for (const samples of [values.ours, values.theirs, making]) {
      expect(samples).toHaveLength(2)
      for (const ns of samples) expect(ns).toBeGreaterThan(0)
    }
  })

  test('one wrong answer in one portion, and there is no figure', async () => {
    let calls = 0
    const wrong = duellist('wrong', [], (strings) => ++calls === 6 ? strings - 1 : strings)
    await expect(duel([duellist('right', []), wrong], options))
      .rejects.toThrow(`wrong answered wrongly in round 1 (${count - 1} for ${count}): no figure`)
  })
})
