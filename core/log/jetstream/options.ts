import { checkCluster } from '../../cluster-name.ts'
import type { DurationInput } from '../../domain/limits.ts'
import { InvalidOptions } from '../../errors.ts'
import { checkRetention } from '../retention.ts'
import { checkVia, type Via, viaNames, type ViaOptions } from '../../nats/via.ts'

/** Where the NATS servers are, or a connection, and which stream is the log. */
export interface JetstreamLogOptions extends ViaOptions {
  /** The cluster's name: 1 to 64 of A-Z a-z 0-9 _ and -. Each cluster has a log of its own. */
  readonly cluster: string
  /** The stream that is the log, of the same characters; made where there is none. Default: 'curfew-' and the cluster. */
  readonly stream?: string
  /**
   * How many servers hold the log: 1, 3 or 5. Default: for a stream to be made 3 where the server is one of a cluster,
   * else 1; for one that is there, as many as it has.
   */
  readonly replicas?: 1 | 3 | 5
  /**
   * How long the log keeps an event at least. Must be longer than the longest absolute limit of a session, by a tenth and
   * some seconds more. Default: 90 days.
   */
  readonly retention?: DurationInput | 'forever'
  /** false: a stream that is not there is not made, but fails with `LogUnusable`: for tools. Default: true. */
  readonly create?: boolean
}

/** The same, checked. */
export interface Checked {
  readonly via: Via
  readonly stream: string
  readonly subject: string
  readonly replicas: number | undefined
  /** null: for ever. */
  readonly retentionMs: number | null
  readonly create: boolean
}

const known: readonly string[] = ['cluster', 'stream', 'replicas', 'retention', 'create', ...viaNames]

const invalid = (option: string, message: string): InvalidOptions => new InvalidOptions({ option, message })

export const checkOptions = (given: unknown): Checked | InvalidOptions => {
  if (typeof given !== 'object' || given === null) {
    return invalid('cluster', "jetstreamLog needs options, at least { cluster: 'a-name' }.")
  }
  const options = given as JetstreamLogOptions
  const stranger = Object.keys(options).find((name) => !known.includes(name))
  if (stranger !== undefined) {
    return invalid(stranger, `jetstreamLog has no option ${stranger}; it has ${known.join(', ')}.`)
  }
  const cluster = checkCluster(options.cluster)
  if (cluster instanceof InvalidOptions) return cluster
  const { stream = `curfew-${cluster}`, replicas, create = true } = options
  if (options.stream !== undefined && checkCluster(stream) instanceof InvalidOptions) {
    return invalid('stream', 'The option stream must be a name of 1 to 64 characters out of A-Z, a-z, 0-9, _ and -.')
  }
  if (replicas !== undefined && ![1, 3, 5].includes(replicas)) {
    return invalid('replicas', 'The option replicas must be 1, 3 or 5.')
  }
  if (typeof create !== 'boolean') return invalid('create', 'The option create must be true or false.')
  const retentionMs = checkRetention(options.retention)
  if (retentionMs instanceof InvalidOptions) return retentionMs
  const via = checkVia(options)
  if (via instanceof InvalidOptions) return via
  return { via, stream, subject: `curfew.${cluster}.events.v1`, replicas, retentionMs, create }
}
