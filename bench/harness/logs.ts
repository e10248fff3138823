import type { OpenOptions } from '../../consumers/node.ts'
import { jetstreamLog } from '../../core/log/jetstream.ts'
import { kafkaLog } from '../../core/log/kafka.ts'
import { sqliteLog } from '../../index.ts'
import { bareJetstream } from './bare-jetstream.ts'
import { bareKafka } from './bare-kafka.ts'
import { bareSqlite } from './bare-sqlite.ts'
import type { Bench } from './case.ts'
import { withKafka } from './kafka.ts'
import { withNats } from './nats.ts'
import { withLog } from './write-log.ts'

/** A log under measure: where it is, in a form that can be told to a process. */
export type LogPlace =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'jetstream'; readonly servers: string }
  | { readonly kind: 'kafka'; readonly brokers: string }
export type LogKind = LogPlace['kind']

/** What came of reading a whole log: how many records, a number made of all of them, and the time. */
export interface ReadAll {
  readonly records: number
  readonly checksum: number
  readonly ns: number
}

/** Does what was prepared, durably, in one transaction, message or batch. */
export type BareAppend = () => Promise<void> | void

/** What the backend's own client does of the same, with nothing of ours: the yardstick. It has a log of its own. */
export interface BareLog {
  /** These texts, as our log would have them in one append. */
  readonly prepare: (texts: readonly string[]) => BareAppend
  /** The bytes of the last append that came to stand in our log. */
  readonly prepareLast: () => Promise<BareAppend> | BareAppend
  /** Goes over all that stands in our log, and parses the text of each record. */
  readonly readAll: () => Promise<ReadAll> | ReadAll
  readonly close: () => Promise<void> | void
}

const cluster = 'bench'

/** Runs `use` with a new log of this kind, and with the server that it needs. */
export const withLogOf = <A>(kind: LogKind, bench: Bench, use: (place: LogPlace) => Promise<A>): Promise<A> => {
  switch (kind) {
    case 'sqlite': return use({ kind, path: `${bench.directory}/sessions.db` })
    case 'jetstream': return withNats((servers) => use({ kind, servers }), ['-js', '-sd', `${bench.directory}/jetstream`])
    case 'kafka': return withKafka(`${bench.directory}/kafka`, (brokers) => use({ kind, brokers }))
  }
}

export const logAt = (place: LogPlace): NonNullable<OpenOptions['log']> => {
  switch (place.kind) {
    case 'sqlite': return sqliteLog({ path: place.path })
    case 'jetstream': return jetstreamLog({ servers: place.servers, cluster })
    case 'kafka': return kafkaLog({ brokers: place.brokers, cluster })
  }
}

/** `name`: tells apart the bare logs of several processes. */
export const bareLogAt = async (place: LogPlace, name: string): Promise<BareLog> => {
  switch (place.kind) {
    case 'sqlite': return bareSqlite(place.path, `${place.path}-bare-${name}`)
    case 'jetstream': return bareJetstream(place.servers, `curfew-${cluster}`, `bare-${name}`)
    case 'kafka': {
      // Made as ours are, so that it is set up the same.
      await withLog(kafkaLog({ brokers: place.brokers, cluster: `bare-${name}` }), () => Promise.resolve())
      return bareKafka(place.brokers, `curfew-${cluster}`, `curfew-bare-${name}`)
    }
  }
}
