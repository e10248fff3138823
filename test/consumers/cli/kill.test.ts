/** An archiver that is killed again and again while others append: what it leaves is the log, each event once. */
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { expect, it } from 'vitest'
import { sqliteLog } from '../../../index.ts'
import { start } from '../../../core/log/position.ts'
import { archivedLines, expectedLine, positionOf } from '../../support/archives.ts'
import { startCli } from '../../support/cli-process.ts'
import { LogNode } from '../../support/log-node.ts'
import { temporaryFolder } from '../../support/temp.ts'
import { until } from '../../support/until.ts'
import { WriterProcess } from '../../support/writer-process.ts'

const rounds = 16
const size = (path: string): number => existsSync(path) ? statSync(path).size : 0
const place = (path: string): string => existsSync(path) ? readFileSync(path, 'utf8') : ''

it('kill -9 at any moment gives neither a gap nor a repetition', { timeout: 120_000 }, async () => {
  const folder = temporaryFolder()
  const [log, file] = [`${folder}/log.db`, `${folder}/log.ndjson.gz`]
  const writer = new WriterProcess(log, 'w', 1)
  await writer.answers(1)
  let torn = 0
  for (let round = 0; round < rounds; round++) {
    const [bytes, position] = [size(file), place(`${file}.position`)]
    const run = startCli(['archive', '--from', `sqlite:${log}`, '--to', file, '--follow', '--batch-age', '10 millis'])
    const gone = once(run.child, 'exit')
    // In turns: as soon as a batch is being written, and as soon as a position is in the place of another.
    const more = 1 + round * 97
    await until('it is at work', () => round % 2 === 0
      ? size(file) > bytes + more
      : place(`${file}.position`) !== position)
    run.child.kill('SIGKILL')
    expect(await gone).toEqual([null, 'SIGKILL'])
    if (size(file) > positionOf(file).bytes) torn++
  }
  await writer.kill()
  const { code } = await startCli(['archive', '--from', `sqlite:${log}`, '--to', file]).end
  expect(code).toBe(0)
  const node = await LogNode.open(sqliteLog({ path: log, retention: 'forever' }))
  const records = await node.read(start)
  await node.close()
  expect(records.length).toBeGreaterThan(rounds)
  expect(archivedLines(file)).toEqual(records.map(expectedLine))
  process.stdout.write(`${rounds} kills, ${torn} of them with a batch half written; ${records.length} events\n`)
})
