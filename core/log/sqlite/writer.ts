/**
 * The thread that writes the log: a commit waits for the disk, and the event loop of the node must not. Loads no more
 * than the driver, so that it starts quickly and stays small.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { closeRequest, unpackAppends, type FromWriter, type ToWriter, type WriterData } from './messages.ts'
import { Commits } from './commits.ts'

/** A transaction takes no more appends once it has this many characters. */
const lengthMax = 1_048_576

const port = parentPort
if (port === null) throw new Error('This file runs as a worker thread only.')
const post = (message: FromWriter) => port.postMessage(message)

const { path, file } = workerData as WriterData
const commits = new Commits(path, file)

/** Everything that has arrived by now shares the next transaction. */
const take = (first: ToWriter): { readonly appends: ReadonlyArray<readonly string[]>; readonly close: boolean } => {
  const appends: Array<readonly string[]> = []
  let length = 0
  for (let message: ToWriter | undefined = first; message !== undefined; message = next()) {
    if (message === closeRequest) return { appends, close: true }
    for (const append of unpackAppends(message)) appends.push(append)
    length += message.length
    if (length >= lengthMax) break
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

const opening = commits.open()
post(opening)
if (opening.kind === 'refused') port.close()
