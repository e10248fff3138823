import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { story } from '../../examples/cluster/story.ts'
import { findJava, findKafka, findNatsServer } from '../support/services.ts'

const started: ChildProcess[] = []
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
})

/** The cluster as a person starts it, and what it has printed so far. */
const start = (...args: readonly string[]) => {
  const child = spawn(process.execPath, ['examples/cluster/main.ts', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  started.push(child)
  const run = { child, printed: '', exit: once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]> }
  const hear = (text: string) => run.printed += text
  child.stdout.setEncoding('utf8').on('data', hear)
  child.stderr.setEncoding('utf8').on('data', hear)
  return run
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** The processes and the folder that the run says it has. */
const belongings = (printed: string) => ({
  pids: [...printed.matchAll(/process (\d+)/g)].map(([, pid]) => Number(pid)),
  folder: dirname(/the log \.* (\S+)/.exec(printed)?.[1] ?? '')
})

const nothingIsLeft = async (printed: string): Promise<void> => {
  const { pids, folder } = belongings(printed)
  expect(pids.length).toBeGreaterThanOrEqual(3)
  expect(folder).toContain('curfew-cluster-')
  await expect.poll(() => pids.filter(alive), { timeout: 10_000 }).toEqual([])
  await expect.poll(() => existsSync(folder), { timeout: 10_000 }).toBe(false)
}

/** Runs it to its end: every step of the story told, no wrong verdict, exit code 0. */
const wholeRun = async (withNats: boolean, ...args: readonly string[]): Promise<void> => {
  const run = start('--once', '--users', '150', ...(withNats ? [] : ['--no-nats']), ...args)
  const [code] = await run.exit
  expect(code, run.printed).toBe(0)
  for (const { title, needsNats } of story) {
    if (withNats || needsNats !== true) expect(run.printed).toContain(`✓ ${title}`)
  }
  expect(run.printed).toMatch(/150 users, 180 sessions/)
  expect(run.printed).toMatch(/^ +wrong verdicts +0 +0 +0 +0$/m)
  expect(run.printed).toContain('✓ no wrong verdict')
  await nothingIsLeft(run.printed)
}

describe('the example cluster', () => {
  test('tells the whole story with NATS as broadcast', async ({ skip }) => {
    if (findNatsServer() === undefined) skip('needs a nats-server: npm run services')
    await wholeRun(true)
  }, 120_000)

  test("tells it on the log's tail alone", () => wholeRun(false), 120_000)

  const needs = findNatsServer() === undefined ? ' (needs a nats-server: npm run services)' : ''
  test.skipIf(needs !== '').each([true, false])(`tells it on JetStream, with a broadcast: %s${needs}`, async (withNats) => {
    await wholeRun(withNats, '--log', 'jetstream')
  }, 120_000)

  const kafkaNeeds = findJava() === undefined || findKafka() === undefined ? ' (needs Kafka: npm run services)' : ''
  test.skipIf(kafkaNeeds !== '')(`tells it on Kafka${kafkaNeeds}`, () => wholeRun(true, '--log', 'kafka'), 120_000)

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('leaves nothing behind when ended by %s', async (signal) => {
    const run = start('--once')
    await expect.poll(() => run.printed, { timeout: 60_000 }).toContain(`✓ ${story[0]!.title}`)
    run.child.kill(signal)
    const [code] = await run.exit
    expect(code).toBe(signal === 'SIGKILL' ? null : 130)
    await nothingIsLeft(run.printed)
  }, 120_000)

  test('leaves nothing behind when it is killed while a node of it is stopped', async () => {
    const run = start('--once')
    await expect.poll(() => run.printed, { timeout: 60_000 }).toContain('node-2 is stopped')
    run.child.kill('SIGKILL')
    await run.exit
    await nothingIsLeft(run.printed)
  }, 120_000)
})
