/**
 * The thread of the log. It commits, for a commit waits for the disk, and the event loop of the node must not. And it
 * reads ahead for a node that catches up. Loads no more than the driver, so that it starts quickly and stays small.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import {
  closeRequest, unpackAppends, type FromThread, type PageRequest, type ThreadData, type ToThread
} from './messages.ts'
import { Commits } from './commits.ts'

/** A transaction takes no more appends once it has this many characters. */
const lengthMax = 1_048_576

const port = parentPort
if (port === null) throw new Error('This file runs as a worker thread only.')
const post = (message: FromThread) => port.postMessage(message)

const { path, file } = workerData as ThreadData
const commits = new Commits(path, file)

/** All appends that have arrived share the next transaction. Pages are answered at once: what they hold stands. */
const take = (first: ToThread): { readonly appends: ReadonlyArray<readonly string[]>; readonly close: boolean } => {
  const appends: Array<readonly string[]> = []
  let length = 0
  for (let message: ToThread | undefined = first; message !== undefined; message = next()) {
    if (message === closeRequest) return { appends, close: true }
    if (typeof message !== 'string') {
      readPage(message)
      continue
    }
    for (const append of unpackAppends(message)) appends.push(append)
    length += message.length
    if (length >= lengthMax) break
  }
  return { appends, close: false }
}

const next = (): ToThread | undefined => receiveMessageOnPort(port)?.message as ToThread | undefined

/** Whatever is wrong with a page, its reader finds out the same, and knows whom to tell. */
const readPage = ({ behind, last }: PageRequest): void => {
  const texts = commits.read(behind, last)
  const page = texts === undefined || texts.broken !== null || texts.bodies.length === 0
    ? null
    : { text: texts.bodies.join('\n'), end: texts.end, more: texts.more }
  post({ kind: 'page', page })
}

port.on('message', (message: ToThread) => {
  const { appends, close } = take(message)
  if (appends.length > 0) commits.commit(appends, post)
  if (!close) return
  commits.close()
  port.close()
})

const opening = commits.open()
post(opening)
if (opening.kind === 'refused') port.close()
