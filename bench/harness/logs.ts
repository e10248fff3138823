import type { OpenOptions } from '../../consumers/node.ts'
import { jetstreamLog } from '../../core/log/jetstream.ts'
import { sqliteLog } from '../../index.ts'
import { bareJetstream } from './bare-jetstream.ts'
import { bareSqlite, type ReadAll } from './bare-sqlite.ts'
import type { Bench } from './case.ts'
import { withNats } from './nats.ts'

/** A log under measure: where it is, in a form that can be told to a process. */
export type LogPlace =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'jetstream'; readonly servers: string }
export type LogKind = LogPlace['kind']

/** What the backend's own client does of the same, with nothing of ours: the yardstick. */
export interface BareLog {
  /** Has the bytes of the last append that came to stand in our log ready, for `append`. */
  readonly fetch: () => Promise<void> | void
  /** Appends these bytes durably, as one record, or in one message, to a log of its own. Default: those of `fetch`. */
  readonly append: (bytes?: Uint8Array) => Promise<void> | void
  /** Goes over all that stands in our log, and parses the text of each record. */
  readonly readAll: () => Promise<ReadAll> | ReadAll
  readonly close: () => Promise<void> | void
}

const cluster = 'bench'

/** Runs `use` with a new log of this kind, and with the server that it needs. */
export const withLogOf = <A>(kind: LogKind, bench: Bench, use: (place: LogPlace) => Promise<A>): Promise<A> =>
  kind === 'sqlite'
    ? use({ kind, path: `${bench.directory}/sessions.db` })
    : withNats((servers) => use({ kind, servers }), ['-js', '-sd', `${bench.directory}/jetstream`])

export const logAt = (place: LogPlace): NonNullable<OpenOptions['log']> =>
  place.kind === 'sqlite' ? sqliteLog({ path: place.path }) : jetstreamLog({ servers: place.servers, cluster })

/** `name`: tells apart the bare logs of several processes. */
export const bareLogAt = (place: LogPlace, name: string): Promise<BareLog> => place.kind === 'sqlite'
  ? Promise.resolve(bareSqlite(place.path, `${place.path}-bare-${name}`))
  : bareJetstream(place.servers, `curfew-${cluster}`, `bare-${name}`)
