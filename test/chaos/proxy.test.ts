import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../support/until.ts'
import { type Proxy, startProxy } from './proxy.ts'

/** A server that sends everything back. */
let server: Server
let proxy: Proxy
const taken: string[] = []
beforeEach(async () => {
  taken.length = 0
  server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      taken.push(bytes.toString())
      socket.write(bytes)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy = await startProxy((server.address() as AddressInfo).port)
})
afterEach(async () => {
  await proxy[Symbol.asyncDispose]()
  server.close()
})

interface Client {
  readonly socket: Socket
  readonly heard: () => string
  readonly isOver: () => boolean
}
const client = async (): Promise<Client> => {
  const socket = connect(proxy.port, '127.0.0.1')
  let [heard, isOver] = ['', false]
  socket.on('data', (bytes: Buffer) => { heard += bytes.toString() })
  socket.on('error', () => {}).on('close', () => { isOver = true })
  await once(socket, 'connect')
  return { socket, heard: () => heard, isOver: () => isOver }
}

/** So many times to the server and back on another way: what could have passed has passed by then. */
const trips = async (count: number): Promise<void> => {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  for (let i = 0; i < count; i++) {
    socket.write('trip')
    await once(socket, 'data')
  }
  socket.destroy()
}

describe('a link', () => {
  it('lets everything through while it is open', async () => {
    const { socket, heard } = await client()
    socket.write('hello')
    await until('it comes back', () => heard() === 'hello')
  })

  it('that is cut ends its connections, and takes none', async () => {
    const { socket, heard, isOver } = await client()
    socket.write('hello')
    await until('it comes back', () => heard() === 'hello')
    proxy.set({ is: 'cut' })
    await until('it is over', isOver)
    const late = await client()
    await until('that is over, too', late.isOver)
    proxy.set({ is: 'open' })
    const next = await client()
    next.socket.write('again')
    await until('it comes back', () => next.heard() === 'again')
  })

  it.each(['up', 'down'] as const)('that is held %s delivers once it is open again, in order', async (way) => {
    const { socket, heard } = await client()
    socket.write('a')
    await until('it comes back', () => heard() === 'a')
    proxy.set({ is: 'held', way })
    socket.write('b')
    await trips(5)
    expect(heard()).toBe('a')
    expect(taken.filter((text) => text !== 'trip').join('')).toBe(way === 'up' ? 'a' : 'ab')
    socket.write('c')
    proxy.set({ is: 'open' })
    await until('the rest comes back', () => heard() === 'abc')
  })

  it('that is slow delivers everything, in order', async () => {
    proxy.set({ is: 'slow', delayMs: 5, bytesPerSecond: 100_000 })
    const { socket, heard } = await client()
    for (let i = 0; i < 20; i++) socket.write(`${i} `)
    await until('all come back', () => heard() === Array.from({ length: 20 }, (_, i) => `${i} `).join(''))
  })
})
