/** Archives of logs on real NATS servers, by the command line, with what it needs to log in. */
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { archive, archiveFile } from '../../../consumers/archive.ts'
import { ArchiveGap, LogDamaged } from '../../../core/errors.ts'
import { jetstreamLog } from '../../../core/log/jetstream.ts'
import { position, start } from '../../../core/log/position.ts'
import { archivedLines, expectedLine, positionOf } from '../../support/archives.ts'
import { startCli } from '../../support/cli-process.ts'
import { newCluster, startJetstream } from '../../support/jetstream.ts'
import { LogNode } from '../../support/log-node.ts'
import { describeWithNats, type NatsServer } from '../../support/nats-server.ts'
import { eventOf, eventsOf } from '../../support/sample-events.ts'
import { temporaryPath } from '../../support/temp.ts'
import { until } from '../../support/until.ts'

const [user, pass] = ['ada', 'hunter2-hunter2']
let server: NatsServer
const nodes: LogNode[] = []
const login = { user, pass }
const open = async (cluster: string, retention: '3 seconds' | 'forever' = 'forever'): Promise<LogNode> => {
  const node = await LogNode.open(jetstreamLog({ servers: server.url, connect: login, cluster, retention }))
  nodes.push(node)
  return node
}
const env = { CURFEW_NATS_USER: user, CURFEW_NATS_PASSWORD: pass }
const args = (cluster: string, file: string, ...more: readonly string[]): readonly string[] =>
  ['archive', '--from', `jetstream:${server.url}?cluster=${cluster}`, '--to', file, ...more]
const run = (cluster: string, file: string, ...more: readonly string[]) => startCli(args(cluster, file, ...more), env).end
const expectEqual = async (node: LogNode, file: string): Promise<void> => {
  expect(archivedLines(file)).toEqual((await node.read(start)).map(expectedLine))
}

describeWithNats('an archive of a log in JetStream', () => {
  beforeAll(async () => { server = await startJetstream('--user', user, '--pass', pass) })
  afterAll(() => server.kill())
  afterEach(async () => { for (const node of nodes.splice(0)) await node.close() })

  it('has every event once, whatever the retention of the log, run after run', async () => {
    const cluster = newCluster()
    const file = temporaryPath('log.ndjson.gz')
    const node = await open(cluster)
    for (const count of [1, 40, 300]) {
      await node.append(...eventsOf('ann', `r${count}-`, count))
      await node.append(eventOf('bob', `s${count}`))
      expect(await run(cluster, file)).toEqual({ code: 0, out: `${count + 1} events archived\n`, err: '' })
      await expectEqual(node, file)
    }
  })

  it('follows the log while the server is killed and started, and is killed itself', { timeout: 60_000 }, async () => {
    const cluster = newCluster()
    const file = temporaryPath('log.ndjson.gz')
    const node = await open(cluster)
    await node.append(...eventsOf('ann', 'a', 10))
    const follow = ['--follow', '--batch-age', '20 millis']
    const first = startCli(args(cluster, file, ...follow), env)
    const has = (count: number): boolean => {
      if (!existsSync(`${file}.position`)) return false
      // What stands, and not what is being written.
      const standing = readFileSync(file).subarray(0, positionOf(file).bytes)
      return standing.length > 0 && gunzipSync(standing).toString().split('\n').length - 1 === count
    }
    await until('the first are there', () => has(10))
    await server.kill()
    await server.start()
    await until('it can be appended to', async () => node.append(eventOf('ann', 'b')).then(() => true, () => false))
    await until('what came then is', () => has(11), 20_000)
    first.child.kill('SIGKILL')
    await first.end
    await node.append(...eventsOf('ann', 'c', 5))
    const second = startCli(args(cluster, file, ...follow), env)
    await until('and what came while it was away', () => has(16))
    second.child.kill('SIGTERM')
    expect(await second.end).toMatchObject({ code: 0, out: '5 events archived\n' })
    await expectEqual(node, file)
  })

  it('is not made of a stream that is not there, and makes none', async () => {
    const cluster = newCluster()
    const file = temporaryPath('log.ndjson.gz')
    const { code, err } = await run(cluster, file)
    expect(code).toBe(1)
    expect(err).toContain(`There is no stream curfew-${cluster}`)
    expect(existsSync(file)).toBe(false)
    const operator = await connect({ servers: server.url, user, pass })
    const names = await (await jetstreamManager(operator)).streams.names().next()
    await operator.close()
    expect(names).not.toContain(`curfew-${cluster}`)
  })

  it('needs the password, which it never tells', async () => {
    const wrong = 'a-wrong-password'
    const { code, out, err } = await startCli(args(newCluster(), temporaryPath('a.gz')),
      { CURFEW_NATS_USER: user, CURFEW_NATS_PASSWORD: wrong }).end
    expect(code).toBe(1)
    expect(err).toMatch(/^curfew archive: The log's NATS server cannot be reached: .*[Aa]uthorization/)
    expect(out + err).not.toContain(wrong)
  })

  it('and what has aged before it was archived is a gap, inside of an append too', async () => {
    const cluster = newCluster()
    const file = temporaryPath('log.ndjson.gz')
    const node = await open(cluster, '3 seconds')
    // In this process: what stands in the log is soon gone.
    const from = jetstreamLog({ servers: server.url, connect: login, cluster, create: false, retention: 1_000 })
    await node.append(...eventsOf('ann', 'a', 4))
    expect(await archive({ from, to: archiveFile({ path: file }) })).toMatchObject({ events: 4 })
    await node.append(...eventsOf('ann', 'b', 4))
    await until('the old ones are gone', async () => (await node.read(start)).length === 0)
    const before = positionOf(file).position
    await node.append(eventOf('ann', 'c'))
    const refused = await archive({ from, to: archiveFile({ path: file }) }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(ArchiveGap)
    await node.append(eventOf('ann', 'c'))
    expect(await archive({ from, to: archiveFile({ path: file }), acceptGap: true })).toMatchObject({ gaps: 1 })
    const lines = archivedLines(file)
    expect(lines.slice(0, 4).map(({ event }) => event?.['command'])).toEqual(['a0', 'a1', 'a2', 'a3'])
    expect(lines[4]).toMatchObject({ gap: { from: before } })
    expect(lines.slice(5).every(({ event }) => event?.['command'] === 'c')).toBe(true)
    // A reader that was between two events of the first append does not take what is left for what comes next.
    const error = await node.read(position([before[0]! - 2])).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(LogDamaged)
  })

  it('is not one of a stream that was made anew', async () => {
    const cluster = newCluster()
    const file = temporaryPath('log.ndjson.gz')
    const from = jetstreamLog({ servers: server.url, connect: login, cluster, create: false, retention: 1_000 })
    await (await open(cluster)).append(...eventsOf('ann', 'a', 4))
    await archive({ from, to: archiveFile({ path: file }) })
    const operator = await connect({ servers: server.url, user, pass })
    await (await jetstreamManager(operator)).streams.delete(`curfew-${cluster}`)
    await operator.close()
    await nodes.pop()!.close()
    await (await open(cluster)).append(...eventsOf('ann', 'b', 4))
    const { code, err } = await run(cluster, file)
    expect([code, err]).toEqual([1, expect.stringContaining('is not the one that was archived') as string])
  })
})
