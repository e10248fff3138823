/** One process of a cluster under real faults: the store as an app has it, and a close look at every token it is told of. */
import { serve, tell as tellParent } from '../../bench/harness/child.ts'
import { natsBroadcast } from '../../consumers/broadcast/nats.ts'
import { openSessions, type Sessions, type SessionOver, type Verdict } from '../../index.ts'
import { heldText } from '../simulation/finals.ts'
import { settings } from '../simulation/settings.ts'
import type { Answer } from '../simulation/history.ts'
import { logOf } from './log.ts'
import type { Done, Held, NodeProtocol, Told, Wanted } from './protocol.ts'

/** Each token that somebody may hold is looked at this often. */
const lookMs = 2
/** Refused for so long, it is not looked at any more. */
const gonePastMs = 5_000
/** A look that is this late says that the process could not run. */
const starvedMs = 200

interface Watched extends Held {
  verdict: string
  /** When it was let in last. */
  okAt: number
  refusedAt: number
  isWatched: boolean
}

const tell = (told: Told): void => tellParent(told)
let opened: { readonly sessions: Sessions; readonly originNs: bigint } | undefined
const store = (): Sessions => {
  if (opened === undefined) throw new Error('ask this process to open first')
  return opened.sessions
}
let originNs = 0n
const now = (): number => Number(process.hrtime.bigint() - originNs) / 1_000_000
const verdictOf = (verdict: Verdict): string => verdict.ok ? 'ok' : verdict.reason

const watched = new Map<string, Watched>()

const watch = (one: Watched): void => {
  const at = now()
  const signal = store().signal(one.id)
  // It ended since it was let in.
  if (signal.aborted) return
  one.isWatched = true
  tell({ told: 'watches', session: one.session, at })
  signal.addEventListener('abort', () => {
    tell({ told: 'aborts', session: one.session, reason: (signal.reason as SessionOver).reason, at: now() })
  }, { once: true })
}

/** Says so where it is another answer than the last. */
const look = (one: Watched): void => {
  const at = now()
  const verdict = verdictOf(store().validate(one.token, { touch: false }))
  if (verdict !== one.verdict) {
    if (one.verdict === 'ok') tell({ told: 'verdict', name: one.name, verdict: 'ok', at: one.okAt })
    tell({ told: 'verdict', name: one.name, verdict, at })
    one.verdict = verdict
    one.refusedAt = at
  }
  if (verdict === 'ok') {
    one.okAt = at
    if (!one.isWatched) watch(one)
  } else if (verdict !== 'stale' && at > one.refusedAt + gonePastMs) {
    watched.delete(one.session)
  }
}

const startLooking = (): void => {
  let due = now() + lookMs
  const turn = (): void => {
    const at = now()
    if (at > due + starvedMs) tell({ told: 'starved', from: due, to: at })
    for (const one of watched.values()) look(one)
    due = now() + lookMs
    setTimeout(turn, lookMs)
  }
  turn()
}

const reasonOf = (error: unknown): string => {
  if (typeof error !== 'object' || error === null || !('_tag' in error)) return `died: ${String(error)}`
  return 'inForce' in error && error.inForce === true ? `${String(error._tag)}, in force` : String(error._tag)
}

type Answered = Omit<Done, 'askedAt' | 'answeredAt'>
const ok = (rest: Partial<Answered> = {}): Answered => ({ answer: { ok: true }, issued: null, renew: false, ...rest })
const ofVerdict = (verdict: Verdict): Answered => ok({
  answer: verdict.ok ? { ok: true, version: verdict.session.version } : { ok: false, reason: verdict.reason },
  renew: verdict.ok && verdict.renew === true
})

const call = async (sessions: Sessions, wanted: Wanted): Promise<Answered> => {
  switch (wanted.op) {
    case 'create': {
      const { subject, tenant, continues } = wanted
      const { token, session: { id } } = await sessions.create({
        subject, ...(tenant === null ? {} : { tenant }), ...(continues === null ? {} : { continues })
      })
      return ok({ issued: { id, token } })
    }
    case 'validate': return ofVerdict(sessions.validate(wanted.token, { touch: wanted.touch }))
    case 'authenticate': return ofVerdict(await sessions.authenticate(wanted.token, { touch: wanted.touch }))
    case 'rotate': case 'reauthenticate': {
      const { token, session: { id } } = wanted.op === 'rotate'
        ? await sessions.rotate(wanted.token)
        : await sessions.reauthenticate(wanted.token, { level: 'aal2', methods: ['otp'] })
      return ok({ issued: { id, token } })
    }
    case 'update': {
      const { id, key, ifVersion } = wanted
      const { version } = await sessions.update({ id }, { [key]: 1 }, ifVersion === null ? {} : { ifVersion })
      return ok({ answer: { ok: true, version } })
    }
    case 'revoke': {
      const { ended } = await sessions.revoke(wanted.target, wanted.cluster ? { confirm: 'cluster' } : {})
      return ok({ answer: { ok: true, ended } })
    }
  }
}

serve<NodeProtocol>({
  open: async ({ node, log, servers, originNs: origin }) => {
    originNs = BigInt(origin)
    tell({ told: 'opens', at: now() })
    const sessions = await openSessions({
      ...settings, node, log: logOf(log),
      broadcast: natsBroadcast({ servers: [...servers], cluster: 'chaos', connect: { ignoreClusterUpdates: true } })
    })
    opened = { sessions, originNs }
    tell({ told: 'serves', at: now() })
    startLooking()
    return null
  },
  ask: async (wanted) => {
    const askedAt = now()
    try {
      const answered = await call(store(), wanted)
      // What was validated was so when it was asked.
      return { askedAt, answeredAt: now(), ...answered }
    } catch (error) {
      const answer: Answer = { ok: false, reason: reasonOf(error) }
      return { askedAt, answeredAt: now(), answer, issued: null, renew: false }
    }
  },
  hold: (held) => {
    const before = watched.get(held.session)
    if (before?.verdict === 'ok') tell({ told: 'verdict', name: before.name, verdict: 'ok', at: before.okAt })
    watched.set(held.session, {
      ...held, verdict: 'none', okAt: 0, refusedAt: 0, isWatched: before?.isWatched ?? false
    })
    return null
  },
  finals: (ids) => ids.map((id) => heldText(store().get(id))),
  vitals: ({ collects }) => {
    const health = store().health()
    if (collects) globalThis.gc?.()
    const { external, heapUsed, rss } = process.memoryUsage()
    const resources = process.getActiveResourcesInfo()
    const timers = resources.filter((name) => name === 'Timeout' || name === 'Immediate').length
    return {
      isWell: health.fenced === null && health.revocationsPending === 0 && Object.keys(health.failures).length === 0
        && health.broadcast?.connected === true,
      isFresh: health.fenced === null && health.freshness.ageMs < settings.maxStaleness / 2,
      health: JSON.stringify(health), memoryBytes: heapUsed + external, rssBytes: rss,
      handles: resources.length - timers, timers, sessions: health.sessions.live + health.sessions.ended
    }
  },
  close: async () => {
    await store().close()
    return null
  }
}, async () => { await opened?.sessions.close() })
