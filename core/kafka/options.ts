import { InvalidOptions } from '../errors.ts'

/** What a connection is to be opened with. */
export interface KafkaSocketRequest {
  readonly host: string
  readonly port: number
  /** As given with the option `connect.ssl`. */
  readonly ssl?: unknown
  /** To be called when the connection stands. */
  readonly onConnect: () => void
}

/** Options of the client that are passed on to it: how to log in, TLS, and how to open a connection. */
export interface KafkaConnectOptions {
  /** true, or what `tls.connect` takes; a value of it may be a `Redacted` or a `Config`. */
  readonly ssl?: boolean | { readonly [option: string]: unknown }
  /** As kafkajs takes it: `mechanism` and what it needs; a value of it may be a `Redacted` or a `Config`. */
  readonly sasl?: { readonly mechanism: string; readonly [option: string]: unknown }
  /** The name of this client in the logs of the brokers. Default: curfew. */
  readonly clientId?: string
  /** Opens each connection, instead of `net.connect` or `tls.connect`: through a proxy, for instance. */
  readonly socketFactory?: (request: KafkaSocketRequest) => unknown
  readonly [option: string]: unknown
}

/** Where a broker is. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Where to connect to, and how. Secrets are plain in it: it is for the client alone. */
export interface Access {
  readonly brokers: readonly Address[]
  readonly connect: KafkaConnectOptions
}

const portDefault = 9_092
const portMax = 65_535
export const replicasMax = 7

export const invalid = (option: string, message: string): InvalidOptions => new InvalidOptions({ option, message })

/** Whether it is a number of something, or not given. */
export const isCount = (value: unknown, max: number): boolean =>
  value === undefined || (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max)

/** host:port, or [host]:port for one that has colons itself. */
const pattern = /^(?:\[([\da-fA-F:.]+)\]|([A-Za-z\d._-]+))(?::(\d{1,5}))?$/

export const checkBrokers = (given: string | readonly string[] = `127.0.0.1:${portDefault}`): readonly Address[] | InvalidOptions => {
  const found = (Array.isArray(given) ? given as readonly unknown[] : [given]).map((text): Address | undefined => {
    const parts = typeof text === 'string' ? pattern.exec(text) : null
    const port = Number(parts?.[3] ?? portDefault)
    return parts === null || port < 1 || port > portMax ? undefined : { host: parts[1] ?? parts[2]!, port }
  })
  const brokers = found.filter((address) => address !== undefined)
  return brokers.length > 0 && brokers.length === found.length
    ? brokers
    : invalid('brokers', 'The option brokers must be an address host:port, or a list of at least one. '
      + 'Credentials do not belong there: see the option connect.')
}

/** What is said there in another place is said once. */
const ownNames = ['brokers', 'logCreator', 'logLevel', 'enforceRequestTimeout', 'requestTimeout', 'retry']

export const checkConnect = (given: unknown = {}, user = 'kafkaLog'): KafkaConnectOptions | InvalidOptions => {
  if (typeof given !== 'object' || given === null) {
    return invalid('connect', 'The option connect must be an object of options for the client.')
  }
  const own = Object.keys(given).find((name) => ownNames.includes(name))
  if (own !== undefined) return invalid('connect', `The option connect cannot have ${own}: ${user} sees to that.`)
  return given as KafkaConnectOptions
}
