/** Archives of logs in a real Kafka broker, by the command line, with what it needs to log in. */
import { existsSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { commands } from '../../../consumers/cli/commands.ts'
import { runCommand } from '../../../consumers/cli/run.ts'
import { kafkaLog } from '../../../core/log/kafka.ts'
import { start } from '../../../core/log/position.ts'
import { archivedLines, expectedLine, positionOf } from '../../support/archives.ts'
import { type CliEnd, startCli } from '../../support/cli-process.ts'
import { kafkaPassword } from '../../support/kafka-broker.ts'
import { describeWithKafka, type KafkaServer, kafkaStartMsMax, operate, startKafkaServer } from '../../support/kafka-server.ts'
import { newKafkaCluster } from '../../support/kafka.ts'
import { LogNode } from '../../support/log-node.ts'
import { eventOf, eventsOf } from '../../support/sample-events.ts'
import { temporaryPath } from '../../support/temp.ts'
import { until } from '../../support/until.ts'

let server: KafkaServer
const nodes: LogNode[] = []
const open = async (cluster: string, partitions = 1): Promise<LogNode> => {
  const node = await LogNode.open(kafkaLog({ brokers: server.address, cluster, partitions, retention: 'forever' }))
  nodes.push(node)
  return node
}
const env = { CURFEW_KAFKA_USER: 'curfew', CURFEW_KAFKA_PASSWORD: kafkaPassword, CURFEW_KAFKA_MECHANISM: 'plain' }
const args = (cluster: string, file: string, ...more: readonly string[]): readonly string[] =>
  ['archive', '--from', `kafka:${server.guardedAddress}?cluster=${cluster}`, '--to', file, ...more]
/** The command line, in this process. */
const run = async (cluster: string, file: string, given: Readonly<Record<string, string>> = env): Promise<CliEnd> => {
  let [out, err] = ['', '']
  const code = await runCommand(commands, args(cluster, file), {
    env: given, say: (line) => { out += `${line}\n` }, complain: (line) => { err += `${line}\n` }, terminal: undefined,
    signal: new AbortController().signal
  })
  return { code, out, err }
}
/** Each partition is in order; how they are mixed is nobody's matter. */
const sorted = <A extends { readonly partition?: number }>(lines: readonly A[]): readonly A[] =>
  lines.toSorted((a, b) => a.partition! - b.partition!)

describeWithKafka('an archive of a log in Kafka', () => {
  beforeAll(async () => { server = await startKafkaServer() }, kafkaStartMsMax)
  afterAll(() => server.kill())
  afterEach(async () => { for (const node of nodes.splice(0)) await node.close() })

  it('has every event once, run after run, of every partition', async () => {
    const cluster = newKafkaCluster()
    const file = temporaryPath('log.ndjson.gz')
    const node = await open(cluster, 3)
    let all = 0
    for (const count of [1, 300]) {
      await node.append(...eventsOf('ann', `r${count}-`, count))
      await node.append(eventOf('bob', `s${count}`))
      all += count + 1
      expect(await run(cluster, file)).toEqual({ code: 0, out: `${count + 1} events archived\n`, err: '' })
      expect(sorted(archivedLines(file))).toEqual(sorted((await node.read(start)).map(expectedLine)))
      expect(archivedLines(file)).toHaveLength(all)
    }
  })

  it('follows the log, killed and started again', { timeout: 60_000 }, async () => {
    const cluster = newKafkaCluster()
    const file = temporaryPath('log.ndjson.gz')
    const node = await open(cluster)
    await node.append(...eventsOf('ann', 'a', 10))
    const follow = args(cluster, file, '--follow', '--batch-age', '20 millis')
    const has = (count: number) => (): boolean => existsSync(`${file}.position`) && positionOf(file).position[0] === count
    const first = startCli(follow, env)
    await until('the first are there', has(10))
    first.child.kill('SIGKILL')
    await first.end
    await node.append(...eventsOf('ann', 'b', 5))
    const second = startCli(follow, env)
    await until('and what came while it was away', has(15))
    second.child.kill('SIGTERM')
    expect(await second.end).toEqual({ code: 0, out: '5 events archived\n', err: '' })
    expect(archivedLines(file)).toEqual((await node.read(start)).map(expectedLine))
  })

  it('is not made of a topic that is not there, and makes none', async () => {
    const cluster = newKafkaCluster()
    const file = temporaryPath('log.ndjson.gz')
    const { code, err } = await run(cluster, file)
    expect([code, err]).toEqual([1, expect.stringContaining(`There is no topic curfew-${cluster}`) as string])
    expect(existsSync(file)).toBe(false)
    expect(await operate(server, (admin) => admin.listTopics())).not.toContain(`curfew-${cluster}`)
  })

  it('needs the password, from the environment or a file, which it never tells', async () => {
    const cluster = newKafkaCluster()
    await open(cluster)
    const wrong = 'a-wrong-password'
    const refused = await run(cluster, temporaryPath('a.gz'), { ...env, CURFEW_KAFKA_PASSWORD: wrong })
    expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/^curfew archive: .*[Aa]uthentication/) as string })
    expect(refused.out + refused.err).not.toContain(wrong)
    const file = temporaryPath('password')
    writeFileSync(file, `${kafkaPassword}\n`)
    const { CURFEW_KAFKA_PASSWORD: _, ...others } = env
    expect(await run(cluster, temporaryPath('b.gz'), { ...others, CURFEW_KAFKA_PASSWORD_FILE: file }))
      .toEqual({ code: 0, out: '0 events archived\n', err: '' })
  })
})
