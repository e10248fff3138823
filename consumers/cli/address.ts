import { existsSync } from 'node:fs'
import { type DurationInput, LogUnusable, sqliteLog } from '../../index.ts'
import { archiveFile, type ArchiveTarget, archiveTopic } from '../archive.ts'
import { type World, WrongUse } from './command.ts'
import { kafkaLogin, natsLogin } from './secrets.ts'

/** A log, as every backend gives it. */
export type Log = ReturnType<typeof sqliteLog>

export const addressUsage = `Addresses of logs:
  sqlite:PATH                                    the file of a log
  jetstream:nats://HOST:PORT,...?cluster=NAME    a log in NATS JetStream (&stream=NAME where it has another name)
  kafka:HOST:PORT,...?cluster=NAME               a log in Kafka (&topic=NAME where it has another name)
Secrets come from the environment, or from a file that the same name with _FILE behind it names: CURFEW_NATS_PASSWORD (with
CURFEW_NATS_USER), CURFEW_NATS_TOKEN, CURFEW_NATS_CREDS; CURFEW_KAFKA_PASSWORD (with CURFEW_KAFKA_USER and, unless it is
scram-sha-512, CURFEW_KAFKA_MECHANISM: scram-sha-256 or plain). For TLS, files: CURFEW_NATS_CA_FILE, CURFEW_NATS_CERT_FILE and
CURFEW_NATS_KEY_FILE; CURFEW_KAFKA_CA_FILE, CURFEW_KAFKA_CERT_FILE and CURFEW_KAFKA_KEY_FILE.`

/** The path in an address of a log in SQLite. */
export const sqlitePath = (address: string): string | undefined => /^sqlite:([^]+)$/.exec(address)?.[1]

/** How to make a log where there is none. */
export interface Creation {
  /** As the nodes have it; undefined: their default. */
  readonly retention: string | undefined
}

type Open = (rest: string, env: World['env'], creation: Creation | undefined) => Promise<Log>

/**
 * By the word before the colon. The drivers of servers are loaded only here. None of them makes a log where there is none
 * unless that is asked for, and none takes out what is old: that is for the nodes, whose options say how long it is kept.
 */
const kinds: Readonly<Record<string, Open>> = {
  sqlite: async (path, _, creation) => {
    if (creation === undefined && !existsSync(path)) throw new LogUnusable({ message: `There is no log ${path}.` })
    return sqliteLog({ path, retention: 'forever' })
  },
  jetstream: async (rest, env, creation) => {
    const { servers, query } = serversOf(rest, ['cluster', 'stream'])
    const { jetstreamLog } = await import('../../core/log/jetstream.ts')
    const { cluster = '' } = query
    return jetstreamLog({ ...query, cluster, servers, connect: natsLogin(env), ...serverSide(creation) })
  },
  kafka: async (rest, env, creation) => {
    const { servers, query } = serversOf(rest, ['cluster', 'topic'])
    const { kafkaLog } = await import('../../core/log/kafka.ts')
    const { cluster = '' } = query
    return kafkaLog({ ...query, cluster, brokers: servers, connect: kafkaLogin(env), ...serverSide(creation) })
  }
}

/** Of a log that is there, the retention is its own: it has only to be longer than this. */
const serverSide = (creation: Creation | undefined) => creation === undefined
  ? { create: false, retention: 1_000 }
  : { create: true, ...creation.retention === undefined ? {} : { retention: creation.retention as DurationInput } }

/** The log at an address; `creation`: made there if there is none. */
export const logAt = async (option: string, address: string, env: World['env'], creation?: Creation): Promise<Log> => {
  const [, kind = '', rest = ''] = /^([a-z]+):([^]+)$/.exec(address) ?? []
  const open = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined
  if (open === undefined) {
    const words = Object.keys(kinds).map((name) => `${name}:`).join(' or ')
    throw new WrongUse(`--${option} takes the address of a log, which begins with ${words}`)
  }
  return open(rest, env, creation)
}

/** The archive at a path, or in a topic. */
export const archiveAt = (option: string, address: string, env: World['env']): ArchiveTarget => {
  const kafka = /^kafka:([^]+)$/.exec(address)?.[1]
  if (kafka !== undefined) return archiveInKafka(kafka, env)
  if (/^[a-z]+:/.test(address)) throw new WrongUse(`--${option} takes the name of a file, or kafka:HOST:PORT,...?topic=NAME`)
  return archiveFile({ path: address })
}

const archiveInKafka = (rest: string, env: World['env']): ArchiveTarget => {
  const { servers, query: { topic } } = serversOf(rest, ['topic'])
  if (topic === undefined) throw new WrongUse('--to kafka: needs the name of a topic: ?topic=NAME')
  return archiveTopic({ topic, brokers: servers, connect: kafkaLogin(env) })
}

/** Servers, comma-separated, and then, behind a question mark, names and values. */
const serversOf = (
  rest: string, known: readonly string[]
): { readonly servers: readonly string[]; readonly query: Readonly<Record<string, string>> } => {
  if (rest.includes('@')) {
    throw new WrongUse('no user and password in the address of a log: everybody on the machine could read them. Use the environment')
  }
  const [servers = '', text = ''] = rest.split('?', 2)
  const query = Object.fromEntries(new URLSearchParams(text))
  const stranger = Object.keys(query).find((name) => !known.includes(name))
  if (stranger !== undefined) throw new WrongUse(`an address of this kind has ${known.join(' and ')} behind its ?, and no ${stranger}`)
  return { servers: servers.split(','), query }
}
