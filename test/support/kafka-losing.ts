import { connect } from 'node:net'
import type { KafkaConnectOptions } from '../../core/log/kafka.ts'

/** Connections that lose an answer: to the next request of a kind, by its number in the protocol. */
export const losing = () => {
  let wanted: number | undefined
  const socketFactory: KafkaConnectOptions['socketFactory'] = ({ host, port, onConnect }) => {
    const socket = connect({ host, port }, onConnect)
    const { write, emit } = socket
    let isAsked = false
    socket.write = ((bytes: Buffer, ...more: readonly never[]) => {
      // Behind the length of the request.
      const request = Buffer.isBuffer(bytes) ? bytes.readInt16BE(4) : undefined
      if (wanted !== undefined && request === wanted) {
        isAsked = true
        wanted = undefined
      }
      return Reflect.apply(write, socket, [bytes, ...more])
    }) as typeof write
    socket.emit = ((event: string, ...more: readonly unknown[]) =>
      isAsked && event === 'data'
        ? Boolean(socket.destroy(new Error('lost')))
        : Reflect.apply(emit, socket, [event, ...more])) as typeof emit
    return socket
  }
  const lose = (request: number): (() => boolean) => {
    wanted = request
    return () => wanted === undefined
  }
  return { socketFactory, lose }
}
