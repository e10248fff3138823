import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Of the user curfew, for who logs in. */
export const kafkaPassword = 'p4ss-w0rd'

/** The ports of one broker: for everybody, for who logs in, and for its fellows. */
export interface BrokerPorts {
  readonly plain: number
  readonly guarded: number
  readonly controller: number
}

/** What a broker is to be like. */
export interface BrokerPlan {
  /** From 1. */
  readonly id: number
  readonly ports: BrokerPorts
  /** All that decide together, as id@host:port. */
  readonly voters: readonly string[]
  /** The folder with the jars. */
  readonly jars: string
  /** Where it keeps what it has. */
  readonly folder: string
}

/** A small machine in little time: it lives for seconds, and holds little. */
export const javaArgs = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto']

const settingsOf = ({ id, ports, voters }: BrokerPlan, data: string): string => `
process.roles=broker,controller
node.id=${id}
controller.quorum.voters=${voters.join(',')}
listeners=PLAINTEXT://127.0.0.1:${ports.plain},GUARDED://127.0.0.1:${ports.guarded},CONTROLLER://127.0.0.1:${ports.controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${ports.plain},GUARDED://127.0.0.1:${ports.guarded}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,GUARDED:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.guarded.plain.sasl.jaas.config=${[
  'org.apache.kafka.common.security.plain.PlainLoginModule required', `user_curfew="${kafkaPassword}";`
].join(' ')}
log.dirs=${data}
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
auto.create.topics.enable=false
num.network.threads=1
num.io.threads=2
log.cleaner.enable=false
`

/** Writes what a broker needs to start, and gives the arguments of java that start it. */
export const prepareBroker = (plan: BrokerPlan): readonly string[] => {
  const data = join(plan.folder, 'data')
  mkdirSync(data, { recursive: true })
  // What its own tool writes as it formats the folder.
  writeFileSync(join(data, 'meta.properties'), `version=1\ncluster.id=Y3VyZmV3Y3VyZmV3Y3VyZg\nnode.id=${plan.id}\n`)
  const file = join(plan.folder, 'server.properties')
  writeFileSync(file, settingsOf(plan, data))
  return [...javaArgs, '-cp', join(plan.jars, '*'), 'kafka.Kafka', file]
}
