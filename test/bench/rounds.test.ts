import { describe, expect, test } from 'vitest'
import { WrongAnswer } from '../../bench/harness/case.ts'
import { silent } from '../../bench/harness/progress.ts'
import { interleave, orderIn, type Contender } from '../../bench/harness/rounds.ts'

const contender = <Name extends string>(name: Name, ran: string[], wrongIn = -99): Contender<Name> => ({
  name,
  check: () => { ran.push(`check ${name}`) },
  trial: (round) => {
    ran.push(`${name} ${round}`)
    return { value: round * 10, right: round === wrongIn ? 4 : 5, asked: 5, checksum: round }
  }
})

describe('interleaved rounds', () => {
  test('each goes first in turn', () => {
    expect([0, 1, 2].map((round) => orderIn(round, ['a', 'b']).join(''))).toEqual(['ab', 'ba', 'ab'])
    expect([0, 1, 2, 3].map((round) => orderIn(round, ['a', 'b', 'c']).join(''))).toEqual(['abc', 'bca', 'cab', 'abc'])
  })

  test('all are checked before the first is timed, and warm-ups do not count', async () => {
    const ran: string[] = []
    const { values } = await interleave([contender('ours', ran), contender('theirs', ran)],
      { rounds: 2, warmups: 1, progress: silent })
    expect(ran).toEqual([
      'check ours', 'check theirs', 'ours -1', 'theirs -1', 'theirs 0', 'ours 0', 'ours 1', 'theirs 1'
    ])
    expect(values).toEqual({ ours: [0, 10], theirs: [0, 10] })
  })

  test('one wrong answer, and there is no figure', async () => {
    const ran: string[] = []
    await expect(interleave([contender('ours', ran, 1)], { rounds: 3, warmups: 0, progress: silent }))
      .rejects.toThrow(new WrongAnswer('ours answered 4 of 5 rightly in round 1: no figure'))
    expect(ran).not.toContain('ours 2')
  })

  test('a contender that fails its check is never timed', async () => {
    const ran: string[] = []
    const check = (): void => { throw new WrongAnswer('says yes to all') }
    const bad: Contender<'bad'> = { ...contender('bad', ran), check }
    await expect(interleave([contender('ours', ran), bad], { rounds: 1, warmups: 0, progress: silent }))
      .rejects.toThrow('says yes to all')
    expect(ran).toEqual(['check ours'])
  })

  test('the checksum depends on every trial', async () => {
    const sums = await Promise.all([2, 3].map(async (rounds) =>
      (await interleave([contender('ours', [])], { rounds, warmups: 0, progress: silent })).checksum))
    expect(sums[0]).not.toBe(sums[1])
  })
})
