/**
 * The thread that writes the log: a commit waits for the disk, and the event loop of the node must not. Loads no more
 * than the driver, so that it starts quickly and stays small.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { FromWriter, ToWriter, WriterData } from './messages.ts'
import { Commits } from './commits.ts'

/** When a transaction takes no more appends. A single larger append has one of its own. */
const recordsMax = 4_096
const lengthMax = 4_194_304

const port = parentPort
if (port === null) throw new Error('This file runs as a worker thread only.')
const post = (message: FromWriter) => port.postMessage(message)

const commits = new Commits((workerData as WriterData).path)

/** Everything that has arrived by now shares the next transaction. */
const take = (first: ToWriter): { readonly appends: ReadonlyArray<readonly string[]>; readonly close: boolean } => {
  const appends: Array<readonly string[]> = []
  let records = 0
  let length = 0
  for (let message: ToWriter | undefined = first; message !== undefined; message = next()) {
    if (message.kind === 'close') return { appends, close: true }
    let at = 0
    for (const count of message.counts) appends.push(message.bodies.slice(at, at += count))
    records += message.bodies.length
    for (const body of message.bodies) length += body.length
    if (records >= recordsMax || length >= lengthMax) break
  }
  return { appends, close: false }
}

const next = (): ToWriter | undefined => receiveMessageOnPort(port)?.message as ToWriter | undefined

port.on('message', (message: ToWriter) => {
  const { appends, close } = take(message)
  if (appends.length > 0) commits.commit(appends, post)
  if (!close) return
  commits.close()
  port.close()
})

const failure = commits.open()
if (failure === undefined) post({ kind: 'opened' })
else {
  post({ kind: 'refused', failure })
  port.close()
}
