import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Report } from '../../bench/harness/report.ts'
import { describeWithKafka } from '../support/kafka-server.ts'
import { describeWithNats } from '../support/nats-server.ts'

interface Promised {
  readonly figures: readonly string[]
  readonly ratios: readonly string[]
}

/** What the cases must give, by name: at least these figures and ratios. */
const promised: Readonly<Record<string, Promised>> = {
  validate: { figures: ['validate', 'floor'], ratios: ['validate/floor'] },
  refuse: { figures: ['unknown', 'garbage', 'floor'], ratios: ['refuse/floor'] },
  memory: { figures: ['bytes-per-session'], ratios: [] },
  create: { figures: ['create', 'sqlite'], ratios: ['create/sqlite'] },
  revocation: {
    figures: ['revocation', 'revocation-p99', 'hop', 'revoke-ack', 'commit'],
    ratios: ['revocation/hop', 'revoke-ack/commit']
  },
  'revocation-jetstream': {
    figures: ['revocation', 'revocation-p99', 'hop', 'revoke-ack', 'append'],
    ratios: ['revocation/hop', 'revoke-ack/append']
  },
  'append-jetstream': { figures: ['append', 'bare', 'append 1 x 64'], ratios: ['append/jetstream', 'append/jetstream 1 x 1'] },
  replay: { figures: ['replay', 'read'], ratios: ['replay/read', 'replay/read, text only'] },
  'replay-jetstream': { figures: ['replay', 'read'], ratios: ['replay/read'] },
  'append-kafka': { figures: ['append', 'bare', 'append 1 x 64'], ratios: ['append/kafka', 'append/kafka 1 x 1'] },
  'revocation-kafka': {
    figures: ['revocation', 'revocation-p99', 'hop', 'revoke-ack', 'append'],
    ratios: ['revocation/hop', 'revoke-ack/append']
  },
  'replay-kafka': { figures: ['replay', 'read'], ratios: ['replay/read'] },
  'loop-delay': { figures: ['loop-delay-ms', 'folded-per-second'], ratios: [] },
  peers: {
    figures: ['curfew', 'fast-jwt', 'fast-jwt-cached', 'jose', 'iron-session', 'express-session'],
    ratios: ['fast-jwt/curfew', 'jose/curfew', 'iron-session/curfew']
  }
}

const onNats = ['revocation', 'revocation-jetstream', 'append-jetstream', 'replay-jetstream']
const onKafka = ['append-kafka', 'replay-kafka', 'revocation-kafka']

let folder = ''
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'curfew-bench-test-')) })
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

interface Ended { readonly code: number | null; readonly out: string; readonly err: string }

const bench = (...args: readonly string[]): Promise<Ended> => new Promise((resolve, reject) => {
  const child = spawn(process.execPath, ['bench/main.ts', ...args], { env: { ...process.env, TMPDIR: folder } })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { err += chunk.toString() })
  child.on('error', reject)
  child.on('close', (code) => { resolve({ code, out, err }) })
})

describe('npm run bench', () => {
  test('lists the promised cases, a line each', async () => {
    const { code, out, err } = await bench()
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const listed = out.split('\n\n')[0]!.split('\n')
    expect(listed.map((line) => line.split(' ')[0]).toSorted()).toEqual(Object.keys(promised).toSorted())
    for (const line of listed) expect(line).toMatch(/^\S+ {2,}\S.{20,}$/)
  })

  test.each([
    [['nothing'], 'there is no case nothing'],
    [['validate', '--fast'], "Unknown option '--fast'"],
    [['validate', '--sessions', 'many'], '--sessions must be a whole number']
  ])('%j: a reason, the usage, and 1', async (args, reason) => {
    const { code, out, err } = await bench(...args)
    expect(code).toBe(1)
    expect(out).toBe('')
    expect(err).toContain(reason)
    expect(err).toContain('--json FILE')
    expect(err).not.toContain('    at ')
  })
})

/** kafkajs asks for a timer in the past, of which Node warns once a process. */
const ofKafkajs = /^\(node:\d+\) TimeoutNegativeWarning: [^]*? was created\)\n/gm

const smoke = async (name: string): Promise<void> => {
  const file = join(folder, `${name}.json`)
  const { code, out, err } = await bench(name, '--quick', '--json', file)
  expect({ code, err: err.replace(ofKafkajs, '') }).toEqual({ code: 0, err: '' })
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report
  expect(Object.keys(report)).toEqual(['case', 'node', 'cpu', 'figures', 'ratios'])
  expect(report).toMatchObject({ case: name, node: process.versions.node })
  expect(report.cpu.length).toBeGreaterThan(0)
  for (const { name: figure, unit, ...spread } of report.figures) {
    expect(unit, figure).toMatch(/\S/)
    expect(Object.keys(spread), figure).toEqual(['median', 'low', 'high'])
  }
  for (const { name: of, median, low, high } of [...report.figures, ...report.ratios]) {
    // A few sessions' memory drowns in the noise of the process's.
    if (name !== 'memory') expect(low, of).toBeGreaterThan(0)
    expect(median, of).toBeGreaterThanOrEqual(low)
    expect(high, of).toBeGreaterThanOrEqual(median)
    expect(out).toContain(of)
  }
  expect(report.figures.map((figure) => figure.name)).toEqual(expect.arrayContaining([...promised[name]!.figures]))
  expect(report.ratios.map((ratio) => ratio.name)).toEqual(expect.arrayContaining([...promised[name]!.ratios]))
  // What a case has made on the disk goes with it.
  expect(readdirSync(folder).filter((entry) => entry.startsWith('curfew-bench-'))).toEqual([])
}

describe('every case, small', { timeout: 120_000 }, () => {
  test.each(Object.keys(promised).filter((name) => !onNats.includes(name) && !onKafka.includes(name)))('%s', smoke)
})

describeWithNats('the cases that need a nats-server, small', () => {
  test.each(onNats)('%s', { timeout: 120_000 }, smoke)
})

describeWithKafka('the cases that need a Kafka, small', () => {
  test.each(onKafka)('%s', { timeout: 120_000 }, smoke)
})
