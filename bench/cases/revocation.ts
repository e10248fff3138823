import { setTimeout as sleep } from 'node:timers/promises'
import { WrongAnswer, type Bench, type Case, type Outcome } from '../harness/case.ts'
import { startChild, type Child } from '../harness/child.ts'
import { type LogKind, type LogPlace, withLogOf } from '../harness/logs.ts'
import { withNats } from '../harness/nats.ts'
import { figure, ratio } from '../harness/report.ts'
import { orderIn } from '../harness/rounds.ts'
import { median, quantile } from '../harness/stats.ts'

/**
 * Two processes, each a node, on one log and one nats-server.
 *
 * `revocation/hop`: from the call of `revoke` on the one until the other, told by the session's signal, has refused its
 * token by `validate`; against a bare NATS message of the very bytes of such a revocation, from `publish` on the one to
 * the subscriber's callback on the other, over connections of their own. One clock of the machine tells both times.
 *
 * `revoke-ack/append` (on SQLite `revoke-ack/commit`): from the same call to its resolving, which is when the end is
 * durable and folded; against one durable append of the very bytes that came to stand by the backend's own client: a
 * better-sqlite3 insert in a transaction, with the log's own pragmas, on its disk; a message published and acknowledged.
 *
 * The three take turns, one trial each; a round's value is the median of its trials.
 */
export type NodeProtocol = {
  readonly open: readonly [Opening, null]
  readonly create: readonly [{ readonly count: number }, readonly Session[]]
  /** Takes the next revocation that is published off the wire, for `captured`. */
  readonly capture: readonly [null, null]
  readonly captured: readonly [null, { readonly bytes: string }]
  /** Knows the session, and waits for its end, for `ended`. */
  readonly awaitEnd: readonly [Session, null]
  readonly ended: readonly [null, { readonly at: string; readonly verdict: string }]
  readonly awaitHop: readonly [null, null]
  readonly hopped: readonly [null, { readonly at: string; readonly length: number }]
  readonly revoke: readonly [{ readonly id: string }, Revoked]
  readonly hop: readonly [{ readonly bytes: string }, { readonly at: string }]
  /** Has the bytes at the log's end ready, for `append`. */
  readonly fetch: readonly [null, null]
  readonly append: readonly [null, { readonly ns: number }]
}
interface Opening {
  readonly place: LogPlace
  readonly servers: string
  readonly cluster: string
  readonly name: string
}
interface Session {
  readonly id: string
  readonly token: string
}
/** `at`: when it was called, by the machine's clock in ns, as text because it is too large for JSON's numbers. */
interface Revoked {
  readonly at: string
  readonly resolvedNs: number
  readonly ended: number
}
type Node = Child<NodeProtocol>

/** Times in us. */
interface Samples {
  readonly revocation: number[]
  readonly ack: number[]
  readonly hop: number[]
  readonly append: number[]
}

/** So long each trial rests before what is timed: what the one before has set going (the tail, the doorbell) is over. */
const settleMs = 3

const usBetween = (from: string, to: string): number => Number(BigInt(to) - BigInt(from)) / 1_000

const revokeTrial = async (here: Node, there: Node, session: Session, into: Samples): Promise<void> => {
  await there.ask('awaitEnd', session)
  const { at, resolvedNs, ended } = await here.ask('revoke', { id: session.id })
  const end = await there.ask('ended', null)
  if (end.verdict !== 'ended' || ended !== 1) {
    throw new WrongAnswer(`the other node answers ${end.verdict} for a session that was revoked: no figure`)
  }
  into.revocation.push(usBetween(at, end.at))
  into.ack.push(resolvedNs / 1_000)
}

const hopTrial = async (here: Node, there: Node, bytes: string, into: Samples): Promise<void> => {
  await there.ask('awaitHop', null)
  const { at } = await here.ask('hop', { bytes })
  const hopped = await there.ask('hopped', null)
  if (hopped.length !== lengthOf(bytes)) throw new WrongAnswer('the bare message came with other bytes')
  into.hop.push(usBetween(at, hopped.at))
}

const appendTrial = async (here: Node, into: Samples): Promise<void> => {
  await here.ask('fetch', null)
  await sleep(settleMs)
  into.append.push((await here.ask('append', null)).ns / 1_000)
}

const lengthOf = (base64: string): number => Buffer.from(base64, 'base64').length

/** The bytes of a real revocation, taken off the wire. */
const captureBytes = async (here: Node, there: Node): Promise<string> => {
  const [session] = await here.ask('create', { count: 1 })
  await there.ask('capture', null)
  await here.ask('revoke', { id: session!.id })
  return (await there.ask('captured', null)).bytes
}

const measure = async (here: Node, there: Node, bench: Bench): Promise<readonly Samples[]> => {
  const rounds = bench.rounds(7)
  const trials = bench.size(200, 10)
  const bytes = await captureBytes(here, there)
  bench.note(`a revocation is a message of ${lengthOf(bytes)} bytes`)
  const collected: Samples[] = []
  bench.progress.begin('revoking', (rounds + 1) * trials)
  // The first round is for the compilers.
  for (let round = -1; round < rounds; round++) {
    const sessions = await here.ask('create', { count: trials })
    const samples: Samples = { revocation: [], ack: [], hop: [], append: [] }
    for (const [n, session] of sessions.entries()) {
      const turns = [
        () => revokeTrial(here, there, session, samples),
        () => hopTrial(here, there, bytes, samples),
        () => appendTrial(here, samples)
      ]
      for (const turn of orderIn(n, turns)) {
        await turn()
        await sleep(settleMs)
      }
      bench.progress.step()
    }
    if (round >= 0) collected.push(samples)
  }
  return collected
}

/** What one durable append is called in the figures. */
const appendName: { readonly [kind in LogKind]: string } = { sqlite: 'commit', jetstream: 'append', kafka: 'append' }

const compare = async (place: LogPlace, servers: string, bench: Bench): Promise<Outcome> => {
  const file = new URL('../children/node.ts', import.meta.url)
  const here = startChild<NodeProtocol>(file)
  const there = startChild<NodeProtocol>(file)
  const opening = (name: string): Opening => ({ place, servers, cluster: 'bench', name })
  const append = appendName[place.kind]
  try {
    await here.ask('open', opening('here'))
    await there.ask('open', opening('there'))
    const samples = await measure(here, there, bench)
    const medians = (of: keyof Samples): number[] => samples.map((round) => median(round[of]))
    const tails = (of: keyof Samples): number[] => samples.map((round) => quantile(round[of], 0.99))
    return {
      figures: [
        figure('revocation', 'us', medians('revocation')), figure('revocation-p99', 'us', tails('revocation')),
        figure('hop', 'us', medians('hop')), figure('hop-p99', 'us', tails('hop')),
        figure('revoke-ack', 'us', medians('ack')), figure('revoke-ack-p99', 'us', tails('ack')),
        figure(append, 'us', medians('append')), figure(`${append}-p99`, 'us', tails('append'))
      ],
      ratios: [
        ratio('revocation/hop', medians('revocation'), medians('hop')),
        ratio(`revoke-ack/${append}`, medians('ack'), medians('append'))
      ]
    }
  } finally {
    await here.stop()
    await there.stop()
  }
}

const run = (kind: LogKind) => (bench: Bench): Promise<Outcome> => withLogOf(kind, bench, (place) =>
  // A log on a nats-server leaves the broadcast to it as well.
  place.kind === 'jetstream'
    ? compare(place, place.servers, bench)
    : withNats((servers) => compare(place, servers, bench)))

export const revocationCase: Case = {
  name: 'revocation',
  line: 'revoke here to refused there, against a bare NATS message; and revoke to durable, against a bare commit',
  reach: { 'revocation/hop': 2, 'revoke-ack/commit': 2 },
  run: run('sqlite')
}

export const revocationJetstreamCase: Case = {
  name: 'revocation-jetstream',
  line: 'the same with the log in JetStream, the bare append an acknowledged message',
  reach: { 'revocation/hop': 2, 'revoke-ack/append': 2 },
  run: run('jetstream')
}

export const revocationKafkaCase: Case = {
  name: 'revocation-kafka',
  line: 'the same with the log in Kafka, the bare append a batch of one sent and acknowledged',
  reach: { 'revocation/hop': 2, 'revoke-ack/append': 2 },
  run: run('kafka')
}
