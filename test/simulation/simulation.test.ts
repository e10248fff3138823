import { describe, expect, it } from 'vitest'
import { missing } from './expected.ts'
import { historyText } from './history.ts'
import { huntOne, seedsMax } from './hunting.ts'
import { mutants } from './mutants.ts'
import { play, storyOf } from './play.ts'
import { shrink } from './shrink.ts'
import { stepText } from './steps.ts'
import { Coverage } from './world/coverage.ts'

const steps = 300
const seeds = 120
const minute = 60_000

describe('a simulated cluster', () => {
  it(`keeps every promise, on ${seeds} seeds in which everything happens that can`, async () => {
    const coverage = new Coverage()
    for (let seed = 1; seed <= seeds; seed++) {
      const story = storyOf(seed, steps)
      const [violation] = (await play(story, coverage)).violations
      if (violation === undefined) continue
      const shrunk = await shrink(story, violation.rule, 200)
      expect.fail([`seed ${seed}: ${violation.rule}: ${violation.text}`, ...(shrunk?.steps ?? []).map(stepText)].join('\n'))
    }
    expect(missing(coverage)).toEqual([])
  }, 5 * minute)

  it('has one history for a seed, byte for byte', async () => {
    for (const seed of [3, 17]) {
      const texts = [historyText(await play(storyOf(seed, steps))), historyText(await play(storyOf(seed, steps)))]
      expect(texts[0]!.length).toBeGreaterThan(10_000)
      expect(texts[1] === texts[0], 'the second history is not the first').toBe(true)
    }
  })

  it('has as many nodes as are wanted', async () => {
    const { entries, violations } = await play(storyOf(5, 60, 7))
    expect(violations).toEqual([])
    const names = new Set(entries.flatMap((entry) => entry.what === 'process' ? [entry.node] : []))
    expect(names).toEqual(new Set(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'late']))
  })
})

describe('a story that breaks a promise', () => {
  it('is shrunk to a few steps', async () => {
    const quarry = await huntOne(mutants.find(({ name }) => name === 'freshness is taken after the answer instead of before')!, '--shrink')
    expect(quarry!.steps).toBeGreaterThan(0)
    expect(quarry!.steps).toBeLessThan(30)
  }, 5 * minute)
})

describe('what the simulator catches', () => {
  it('is more than a few bugs', () => { expect(mutants.length).toBeGreaterThanOrEqual(15) })

  it.concurrent.each(mutants)(`$name, within ${seedsMax} seeds`, async (mutant) => {
    const quarry = await huntOne(mutant)
    expect(quarry, 'no seed catches it').not.toBeNull()
    console.log(`seed ${quarry!.seed}: ${mutant.name}: ${quarry!.violation.rule}`)
  }, 5 * minute)
})
