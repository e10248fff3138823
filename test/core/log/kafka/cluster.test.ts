import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type KafkaLogOptions, kafkaLog } from '../../../../core/log/kafka.ts'
import { start } from '../../../../core/log/position.ts'
import { startAppending } from '../../../support/appender.ts'
import { newKafkaCluster } from '../../../support/kafka.ts'
import {
  describeWithKafka, kafkaStartMsMax, type KafkaServer, operate, startKafkaServers
} from '../../../support/kafka-server.ts'
import { failure, LogNode } from '../../../support/log-node.ts'
import { eventOf } from '../../../support/sample-events.ts'
import { until } from '../../../support/until.ts'

const atEnd: Array<() => Promise<unknown>> = []
afterEach(async () => { for (const end of atEnd.splice(0).reverse()) await end() })

/** The brokers wait 9 s before they take one for gone. */
const electionMsMax = 60_000

describeWithKafka('three brokers', () => {
  let servers: readonly KafkaServer[] = []
  beforeAll(async () => { servers = await startKafkaServers(3) }, kafkaStartMsMax)
  afterAll(async () => { for (const server of servers) await server.kill() })

  const open = async (options: Pick<KafkaLogOptions, 'cluster'>): Promise<LogNode> => {
    const node = await LogNode.open(kafkaLog({ brokers: servers.map(({ address }) => address), ...options }))
    atEnd.push(() => node.close())
    return node
  }
  /** The broker that leads the first partition, as the brokers' own tools see it. */
  const leaderOf = async (cluster: string): Promise<KafkaServer> => {
    const { topics: [topic] } = await operate(servers[0]!, (admin) => admin.fetchTopicMetadata({ topics: [`curfew-${cluster}`] }))
    return servers[topic!.partitions[0]!.leader - 1]!
  }

  it('of which the others are gone say nothing of the head, though the leader answers', { timeout: electionMsMax }, async () => {
    const cluster = newKafkaCluster()
    const a = await open({ cluster })
    const place = await a.append(eventOf('ann', 'c0'))
    expect(await a.head()).toEqual(place)
    expect(a.log.status().details).toMatchObject({ replicas: 3, inSyncMin: 2, brokers: 3 })
    const leader = await leaderOf(cluster)
    const others = servers.filter((server) => server !== leader)
    await Promise.all(others.map((server) => server.freeze()))
    expect(await failure(a.log.head)).toMatchObject({ _tag: 'LogUnavailable' })
    for (const server of others) server.thaw()
    await until('they are back', async () => await failure(a.log.head) === undefined, electionMsMax)
  })

  it('of which the leader stands still lose nothing that they acknowledged, and no tail misses anything', {
    timeout: 2 * electionMsMax
  }, async () => {
    const cluster = newKafkaCluster()
    const [a, b] = [await open({ cluster }), await open({ cluster })]
    const following = b.follow(start)
    atEnd.push(following.stop)
    const appender = startAppending(a, 'c')
    await until('appends', () => appender.acknowledged.length >= 50)
    const leader = await leaderOf(cluster)
    await leader.freeze()
    const before = appender.acknowledged.length
    await until('appends go on without it', () => appender.acknowledged.length >= before + 50, electionMsMax)
    await until('the tail goes on without it', () => following.records.length >= before + 50, electionMsMax)
    // It takes itself for the leader until it hears of the others.
    leader.thaw()
    const again = appender.acknowledged.length
    await until('appends go on with it', () => appender.acknowledged.length >= again + 50, electionMsMax)
    await appender.stop()
    const all = await a.read(start)
    await until('the tail has all', () => following.records.length >= all.length, electionMsMax)
    expect(following.records).toEqual(all)
    expect(following.error()).toBe(undefined)
    const commands = all.map(({ event }) => event.type === 'Unreadable' ? event.detail : event.command)
    // What was tried again may stand twice.
    expect([...new Set(commands)]).toEqual(appender.acknowledged)
  })
})
