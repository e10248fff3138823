import { connect, type NatsConnection } from '@nats-io/transport-node'
import { natsBroadcast } from '../../consumers/broadcast/nats.ts'
import { openSessions, type Sessions } from '../../index.ts'
import type { NodeProtocol } from '../cases/revocation.ts'
import { serve } from '../harness/child.ts'
import { type BareAppend, bareLogAt, type BareLog, logAt } from '../harness/logs.ts'
import { elapsedNs, nanoseconds } from '../harness/machine.ts'

/** One of the two processes of the cases `revocation`. */
interface Node {
  readonly sessions: Sessions
  /** A connection of its own, for the bare trips. */
  readonly nats: NatsConnection
  readonly bare: BareLog
}
let opened: Node | undefined
let prepared: BareAppend = () => {}
const node = (): Node => {
  if (opened === undefined) throw new Error('ask this process to open first')
  return opened
}

type Answer<K extends keyof NodeProtocol> = NodeProtocol[K][1]

/** What one question has begun to wait for, and a later one asks for. */
const awaited: {
  captured?: Promise<Answer<'captured'>>
  ended?: Promise<Answer<'ended'>>
  hopped?: Promise<Answer<'hopped'>>
} = {}

const take = <K extends keyof typeof awaited>(kind: K): NonNullable<(typeof awaited)[K]> => {
  const promise = awaited[kind]
  if (promise === undefined) throw new Error(`nobody awaits ${kind}`)
  return promise
}

const hopSubject = 'bench.hop'
const untilMs = 10_000

const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + untilMs
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error('what was waited for did not come about in time')
    await new Promise((resolve) => { setTimeout(resolve, 2) })
  }
}

serve<NodeProtocol>({
  open: async ({ place, servers, cluster, name }) => {
    const sessions = await openSessions({
      log: logAt(place), broadcast: natsBroadcast({ servers, cluster }), node: name
    })
    opened = { sessions, nats: await connect({ servers }), bare: await bareLogAt(place, name) }
    await until(() => sessions.health().broadcast?.connected === true)
    return null
  },
  create: async ({ count }) => {
    const made: Array<{ readonly id: string; readonly token: string }> = []
    for (let i = 0; i < count; i++) {
      const { token, session } = await node().sessions.create({ subject: `user-${String(i).padStart(11, '0')}` })
      made.push({ id: session.id, token })
      // No subject comes to its limit of sessions: each is revoked within its round.
    }
    return made
  },
  capture: async () => {
    const { nats } = node()
    awaited.captured = new Promise((resolve) => {
      const wiretap = nats.subscribe('>', {
        callback: (_, message) => {
          const bytes = Buffer.from(message.data)
          if (!bytes.includes('"kind":"revocation"')) return
          wiretap.unsubscribe()
          resolve({ bytes: bytes.toString('base64') })
        }
      })
    })
    await nats.flush()
    return null
  },
  captured: () => take('captured'),
  awaitEnd: async ({ id, token }) => {
    const { sessions } = node()
    await until(async () => (await sessions.authenticate(token)).ok)
    const signal = sessions.signal(id)
    awaited.ended = new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        const verdict = sessions.validate(token)
        resolve({ at: String(nanoseconds()), verdict: verdict.ok ? 'ok' : verdict.reason })
      }, { once: true })
    })
    return null
  },
  ended: () => take('ended'),
  awaitHop: async () => {
    const { nats } = node()
    awaited.hopped = new Promise((resolve) => {
      nats.subscribe(hopSubject, {
        max: 1, callback: (_, message) => { resolve({ at: String(nanoseconds()), length: message.data.length }) }
      })
    })
    await nats.flush()
    return null
  },
  hopped: () => take('hopped'),
  revoke: async ({ id }) => {
    const called = nanoseconds()
    const { ended } = await node().sessions.revoke({ id })
    return { at: String(called), resolvedNs: elapsedNs(called), ended }
  },
  hop: ({ bytes }) => {
    const payload = Buffer.from(bytes, 'base64')
    const called = nanoseconds()
    node().nats.publish(hopSubject, payload)
    return { at: String(called) }
  },
  fetch: async () => {
    prepared = await node().bare.prepareLast()
    return null
  },
  append: async () => {
    const called = nanoseconds()
    // What is done at once is not waited for.
    const done = prepared()
    if (done !== undefined) await done
    return { ns: elapsedNs(called) }
  }
}, async () => {
  if (opened === undefined) return
  await opened.bare.close()
  await opened.nats.close()
  await opened.sessions.close()
})
