/**
 * The thread of the log. It commits, for a commit waits for the disk, and the event loop of the node must not. And it
 * reads ahead for a node that catches up. Loads no more than the driver, so that it starts quickly and stays small.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import {
  closeRequest, unpackAppends, type FromThread, type PageRequest, type ThreadData, type ToThread
} from './messages.ts'
import { Commits } from './commits.ts'
import type { Append } from './transaction.ts'

/** A transaction takes no more appends once it has this many characters. */
const lengthMax = 1_048_576

const port = parentPort
if (port === null) throw new Error('This file runs as a worker thread only.')
const post = (message: FromThread) => port.postMessage(message)

const { path, file, key } = workerData as ThreadData
const commits = new Commits(path, file, key)
let waiting: Append[] = []

const commit = (): void => {
  const appends = waiting
  waiting = []
  commits.commit(appends, post)
}

/**
 * All appends that have arrived share a transaction; what arrives while it is committed shares the next. A page is read
 * once they stand, so that it holds nothing that does not. Returns whether to go on.
 */
const take = (first: ToThread): boolean => {
  let length = 0
  for (let message: ToThread | undefined = first; message !== undefined; message = next()) {
    if (message === closeRequest) {
      commit()
      return false
    }
    if (typeof message !== 'string') {
      commit()
      if ('wall' in message) post(commits.prune(message))
      else readPage(message)
      continue
    }
    for (const append of unpackAppends(message)) waiting.push(append)
    length += message.length
    if (length >= lengthMax) break
  }
  commit()
  return true
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
  if (take(message)) return
  commits.close()
  port.close()
})

const opening = commits.open()
post(opening)
if (opening.kind === 'refused') port.close()
