import * as Effect from 'effect/Effect'
import { createConnection, type Socket } from 'node:net'
import { InvalidOptions } from '../errors.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

const portDefault = 4_222
const serversMax = 64

export const addressText = ({ host, port }: Address): string => `${host.includes(':') ? `[${host}]` : host}:${port}`

const parse = (server: unknown): Address | undefined => {
  if (typeof server !== 'string') return undefined
  const text = server.includes('://') ? server : `nats://${server}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['nats:', 'tls:'].includes(url.protocol) || url.hostname === '') return undefined
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? portDefault : Number(url.port) }
}

const invalid = new InvalidOptions({
  option: 'servers',
  message: "The option servers must be an address like 'nats://127.0.0.1:4222', or a list of 1 to "
    + `${serversMax} of them. A user and password go into the option connect.`
})

export const checkServers = (servers: unknown): readonly Address[] | InvalidOptions => {
  const list: readonly unknown[] = Array.isArray(servers) ? servers : [servers ?? `127.0.0.1:${portDefault}`]
  const addresses = list.map((server) => typeof server === 'string' && server.includes('@') ? undefined : parse(server))
  return list.length >= 1 && list.length <= serversMax && addresses.every((address) => address !== undefined)
    ? addresses
    : invalid
}

/** The named servers and those that a server told of, each once. */
export const withTold = (named: readonly Address[], told: readonly string[]): readonly Address[] => {
  const all = new Map(named.map((address) => [addressText(address), address]))
  for (const text of told) {
    const address = parse(text)
    if (address !== undefined && all.size < serversMax) all.set(addressText(address), address)
  }
  return [...all.values()]
}

/**
 * The first of the servers that speaks. A server greets whoever connects (unless TLS comes first), so one that is
 * frozen or no NATS server is found out here, by a socket that can be destroyed: the client leaves its own open when a
 * dial times out.
 */
export const knock = (
  servers: readonly Address[], tlsFirst: boolean, timeoutMs: number
): Effect.Effect<Address, { readonly message: string }> => Effect.callback((resume) => {
  const sockets: Socket[] = []
  const hangUp = (): void => { for (const socket of sockets) socket.destroy() }
  let left = servers.length
  const failed = (address: Address, reason: string): void => {
    left--
    if (left === 0) resume(Effect.fail({ message: `no server answers; ${addressText(address)}: ${reason}` }))
  }
  for (const address of servers) {
    const socket = createConnection({ ...address, timeout: timeoutMs })
    sockets.push(socket)
    let reason = 'hung up'
    socket.once(tlsFirst ? 'connect' : 'data', () => {
      hangUp()
      resume(Effect.succeed(address))
    })
    socket.once('timeout', () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)))
    // A socket that cannot be connected to any address of its host has an AggregateError without a message.
    socket.once('error', (error: NodeJS.ErrnoException) => { reason = error.message || (error.code ?? error.name) })
    socket.once('close', () => failed(address, reason))
  }
  return Effect.sync(hangUp)
})
