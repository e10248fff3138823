import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** How the way between two ends is at the moment. */
export type Link =
  | { readonly is: 'open' }
  /** Connections are torn down, and none comes about. */
  | { readonly is: 'cut' }
  /** What is sent is held back and arrives when the link is open again: what a network looks like that drops packets. */
  | { readonly is: 'held'; readonly way: 'both' | 'up' | 'down' }
  | { readonly is: 'slow'; readonly delayMs: number; readonly bytesPerSecond: number }

/** A TCP proxy on loopback whose link can be spoilt. `up` is from those who connect to it to the server behind. */
export interface Proxy extends AsyncDisposable {
  readonly port: number
  readonly set: (link: Link) => void
}

/** One direction of one connection: what came in, and when it may go on. */
class Way {
  readonly #to: Socket
  readonly #waiting: Array<{ readonly bytes: Buffer; readonly at: number }> = []
  #freeAt = 0
  #timer: NodeJS.Timeout | undefined
  #link: Link = { is: 'open' }
  readonly #name: 'up' | 'down'

  constructor(from: Socket, to: Socket, name: 'up' | 'down', link: Link) {
    this.#to = to
    this.#name = name
    this.#link = link
    from.on('data', (bytes: Buffer) => this.#take(bytes))
  }

  set(link: Link): void {
    this.#link = link
    this.#pass()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#waiting.length = 0
  }

  #take(bytes: Buffer): void {
    const now = performance.now()
    const { delayMs, bytesPerSecond } = this.#link.is === 'slow' ? this.#link : { delayMs: 0, bytesPerSecond: Infinity }
    this.#freeAt = Math.max(this.#freeAt, now) + bytes.length / bytesPerSecond * 1_000
    this.#waiting.push({ bytes, at: this.#freeAt + delayMs })
    this.#pass()
  }

  #pass(): void {
    clearTimeout(this.#timer)
    const { is } = this.#link
    if (is === 'held' && (this.#link.way === 'both' || this.#link.way === this.#name)) return
    while (this.#waiting.length > 0) {
      const wait = is === 'slow' ? this.#waiting[0]!.at - performance.now() : 0
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#pass(), wait)
        return
      }
      this.#to.write(this.#waiting.shift()!.bytes)
    }
  }
}

interface Pair {
  readonly ends: readonly [Socket, Socket]
  readonly ways: readonly [Way, Way]
}

export const startProxy = async (target: number): Promise<Proxy> => {
  let link: Link = { is: 'open' }
  const pairs = new Set<Pair>()
  const drop = (pair: Pair): void => {
    pairs.delete(pair)
    for (const way of pair.ways) way.close()
    for (const end of pair.ends) end.destroy()
  }
  const server = createServer({ noDelay: true }, (client) => {
    if (link.is === 'cut') {
      client.destroy()
      return
    }
    const upstream = connect({ port: target, host: '127.0.0.1', noDelay: true })
    const pair: Pair = {
      ends: [client, upstream],
      ways: [new Way(client, upstream, 'up', link), new Way(upstream, client, 'down', link)]
    }
    pairs.add(pair)
    // The end of either side, in whatever way, is the end of both.
    for (const end of pair.ends) end.on('error', () => drop(pair)).on('close', () => drop(pair))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    set: (next) => {
      link = next
      for (const pair of pairs) {
        if (next.is === 'cut') drop(pair)
        else for (const way of pair.ways) way.set(next)
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const pair of pairs) drop(pair)
      server.close()
      await once(server, 'close')
    }
  }
}
