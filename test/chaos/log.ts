import { connect } from 'node:net'
import type { OpenOptions } from '../../consumers/node.ts'
import { jetstreamLog } from '../../core/log/jetstream.ts'
import { kafkaLog, type KafkaSocketRequest } from '../../core/log/kafka.ts'
import { sqliteLog } from '../../index.ts'

export const logKinds = ['sqlite', 'jetstream', 'kafka'] as const

/** The log of a cluster. `retentionMs`: how long it keeps its events; not given: for ever. */
export type LogPlan =
  | { readonly kind: 'sqlite'; readonly path: string; readonly retentionMs?: number }
  | { readonly kind: 'jetstream'; readonly retentionMs?: number }
  | { readonly kind: 'kafka'; readonly retentionMs?: number }

/** The same with the way to it, in a form that can be told to a process. */
export type LogChoice =
  | Extract<LogPlan, { readonly kind: 'sqlite' }>
  | Extract<LogPlan, { readonly kind: 'jetstream' }> & { readonly servers: readonly string[]; readonly replicas: 1 | 3 | 5 }
  | Extract<LogPlan, { readonly kind: 'kafka' }> & { readonly port: number }

/** On servers at these ports, or by these ways to them. */
export const chosen = (plan: LogPlan, ports: readonly number[]): LogChoice => {
  if (plan.kind === 'sqlite') return plan
  if (plan.kind === 'kafka') return { ...plan, port: ports[0]! }
  const replicas = ports.length === 1 ? 1 : ports.length < 5 ? 3 : 5
  return { ...plan, replicas, servers: ports.map((port) => `nats://127.0.0.1:${port}`) }
}

export const logOf = (choice: LogChoice): OpenOptions['log'] => {
  const retention = choice.retentionMs ?? 'forever'
  switch (choice.kind) {
    case 'sqlite': return sqliteLog({ path: choice.path, retention })
    case 'jetstream': return jetstreamLog({
      servers: choice.servers, cluster: 'chaos', replicas: choice.replicas, retention,
      // What the servers tell of each other leads past the proxies.
      connect: { ignoreClusterUpdates: true }
    })
    case 'kafka': return kafkaLog({
      brokers: `127.0.0.1:${choice.port}`, cluster: 'chaos', partitions: 3, replicas: 1, retention,
      // So does what the broker tells of itself. There is one, so every way leads to it.
      connect: {
        socketFactory: ({ onConnect }: KafkaSocketRequest) =>
          connect({ port: choice.port, host: '127.0.0.1', noDelay: true }, onConnect)
      }
    })
  }
}
