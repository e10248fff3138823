import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { jetstreamLog, type JetstreamLogOptions } from '../../../../core/log/jetstream.ts'
import { start } from '../../../../core/log/position.ts'
import { startAppending } from '../../../support/appender.ts'
import { newCluster } from '../../../support/jetstream.ts'
import { failure, type Following, LogNode } from '../../../support/log-node.ts'
import { type NatsCluster, startNatsCluster } from '../../../support/nats-cluster.ts'
import { describeWithNats, type NatsServer } from '../../../support/nats-server.ts'
import { eventOf } from '../../../support/sample-events.ts'
import { until } from '../../../support/until.ts'

const atEnd: Array<() => Promise<unknown>> = []
afterEach(async () => { for (const end of atEnd.splice(0).reverse()) await end() })

const open = async (options: JetstreamLogOptions): Promise<LogNode> => {
  const node = await LogNode.open(jetstreamLog(options))
  atEnd.push(() => node.close())
  return node
}
const follow = (node: LogNode): Following => {
  const following = node.follow(start)
  atEnd.push(following.stop)
  return following
}
const commands = (following: Following): readonly string[] =>
  following.records.map(({ event }) => event.type === 'Unreadable' ? event.detail : event.command)

/** An election takes 4 to 9 s, and there may be several. */
const electionMsMax = 60_000

describeWithNats('three servers', () => {
  let nats: NatsCluster
  beforeAll(async () => { nats = await startNatsCluster() })
  afterAll(() => nats.kill())

  /** The server that leads a stream, as the cluster's own tools see it. */
  const leaderOf = async (cluster: string): Promise<NatsServer> => {
    const connection = await connect({ servers: [...nats.urls] })
    const { cluster: info } = await (await jetstreamManager(connection)).streams.info(`curfew-${cluster}`)
    await connection.close()
    return nats.named(info!.leader!)
  }

  it.each<['dies' | 'stands still']>([['dies'], ['stands still']])(
    'of which the leader %s lose nothing that they acknowledged, and no tail misses or repeats anything',
    { timeout: 2 * electionMsMax },
    async (how) => {
      const cluster = newCluster()
      const nodes = await Promise.all(nats.urls.map((servers) => open({ servers: [servers, ...nats.urls], cluster })))
      const followings = nodes.map(follow)
      const appender = startAppending(nodes[0]!, 'c')
      await until('appends', () => appender.acknowledged.length >= 50)
      const leader = await leaderOf(cluster)
      if (how === 'dies') await leader.kill()
      else await leader.freeze()
      const before = appender.acknowledged.length
      await until('appends go on without it', () => appender.acknowledged.length >= before + 50, electionMsMax)
      for (const { records } of followings) {
        await until('tails go on without it', () => records.length >= before + 50, electionMsMax)
      }
      if (how === 'dies') await leader.start()
      else leader.thaw()
      const again = appender.acknowledged.length
      await until('appends go on with it', () => appender.acknowledged.length >= again + 50, electionMsMax)
      await appender.stop()
      const all = await nodes[1]!.read(start)
      for (const following of followings) {
        await until('the tail has all', () => following.records.length >= all.length, electionMsMax)
        expect(following.records).toEqual(all)
        expect(following.error()).toBe(undefined)
      }
      // Before 2.10 a retry may stand twice, where the server answers that it has it and not where.
      expect([...new Set(commands(followings[0]!))]).toEqual(appender.acknowledged)
    })

  it('of which two are gone say nothing of the head, and take nothing', { timeout: 3 * electionMsMax }, async () => {
    const cluster = newCluster()
    const leader = await (async () => {
      const node = await LogNode.open(jetstreamLog({ servers: nats.urls, cluster }))
      await node.append(eventOf('ann', 'c0'))
      await node.close()
      return leaderOf(cluster)
    })()
    const a = await open({ servers: leader.url, cluster })
    expect(await failure(a.log.head)).toBe(undefined)
    const others = nats.servers.filter((server) => server !== leader)
    // The leader goes on to take itself for one, for 10 to 20 s.
    await Promise.all(others.map((server) => server.freeze()))
    const began = performance.now()
    await until('it is known', async () => await failure(a.log.head) !== undefined)
    expect(performance.now() - began).toBeLessThan(6_000)
    expect(await failure(a.log.head)).toMatchObject({
      _tag: 'LogUnavailable', message: expect.stringContaining('not in touch with a majority') as string
    })
    expect(await failure(a.log.append([eventOf('ann', 'c1')]))).toMatchObject({ _tag: 'LogUnavailable' })
    for (const server of others) server.thaw()
    await until('they are back', async () => await failure(a.log.head) === undefined, electionMsMax)
  })

  it('of which one is gone say where the head is, though nothing is appended', { timeout: 2 * electionMsMax }, async () => {
    const cluster = newCluster()
    const a = await open({ servers: nats.urls, cluster })
    const place = await a.append(eventOf('ann', 'c0'))
    const leader = await leaderOf(cluster)
    const away = nats.servers.find((server) => server !== leader)!
    await away.kill()
    await until('it answers', async () => await failure(a.log.head) === undefined, electionMsMax)
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => { setTimeout(resolve, 700) })
      expect(await a.head()).toEqual(place)
    }
    await away.start()
  })
})
