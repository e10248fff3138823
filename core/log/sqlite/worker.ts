/**
 * The thread of the log. It commits, for a commit waits for the disk, and the event loop of the node must not. And it
 * reads ahead for a node that catches up. Loads no more than the driver, so that it starts quickly and stays small.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../clock.ts'
import {
  closeRequest, unpackAppends, type FromThread, type PageRequest, type ThreadData, type ToThread
} from './messages.ts'
import { Commits } from './commits.ts'

/** A transaction takes no more appends once it has this many characters. */
const lengthMax = 1_048_576
/** A commit waits no longer for what is to follow at once: the node may have died, or have stopped. */
const followMsMax = 5

const port = parentPort
if (port === null) throw new Error('This file runs as a worker thread only.')
const post = (message: FromThread) => port.postMessage(message)

const { path, file } = workerData as ThreadData
const commits = new Commits(path, file)
let stagedLength = 0
let callOff: (() => void) | undefined

const commit = (): void => {
  callOff?.()
  callOff = undefined
  stagedLength = 0
  commits.commit(post)
}

/**
 * All appends that have arrived share a transaction. A page is read once they stand, so that it holds nothing that
 * does not.
 */
const take = (first: ToThread): 'close' | 'commit' | 'wait' => {
  let waits = false
  for (let message: ToThread | undefined = first; message !== undefined; message = next()) {
    if (message === closeRequest) return 'close'
    if (typeof message !== 'string') {
      commit()
      readPage(message)
      continue
    }
    const { appends, more } = unpackAppends(message)
    commits.stage(appends)
    waits = more
    stagedLength += message.length
    if (stagedLength >= lengthMax) return 'commit'
  }
  return waits ? 'wait' : 'commit'
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
  const then = take(message)
  if (then === 'wait') {
    callOff ??= systemClock.schedule(followMsMax, commit)
    return
  }
  commit()
  if (then !== 'close') return
  commits.close()
  port.close()
})

const opening = commits.open()
post(opening)
if (opening.kind === 'refused') port.close()
