import { systemClock } from '../../core/clock.ts'
import { WrongAnswer, Lacking, type Bench, type Case, type Outcome } from '../harness/case.ts'
import { chance } from '../harness/chance.ts'
import { installPeers } from '../harness/packages.ts'
import type { OpenPeer, Peer, Validate } from '../harness/peer.ts'
import { curfewPeer } from '../harness/curfew-peer.ts'
import { population } from '../harness/population.ts'
import { pass, passAsync, presentedHeaders } from '../harness/presented.ts'
import { figure, ratio, table, type Figure, type Ratio } from '../harness/report.ts'
import { interleave, type Contender, type Trial } from '../harness/rounds.ts'
import { median } from '../harness/stats.ts'

/**
 * The same job by the usual choices: a request's Cookie header in, the subject out, every session as likely as every
 * other. Times are per validation: one after the other, and, for those that wait for something, also with 64 under way.
 */
const atOnceMax = 64

const ask = (validate: Validate, cookie: string): Promise<string | undefined> =>
  Promise.resolve(validate.subjectOf(cookie))

/** The right subject for a good cookie; nobody for one that was tampered with, for none and for nonsense. */
const checkPeer = async (name: string, open: OpenPeer, subjects: readonly string[]): Promise<void> => {
  for (let i = 0; i < subjects.length; i += Math.ceil(subjects.length / 50)) {
    const cookie = open.cookies[i]!
    const subject = await ask(open.validate, cookie)
    if (subject !== subjects[i]) throw new WrongAnswer(`${name} says ${String(subject)} where ${subjects[i]} is right`)
    const middle = cookie.indexOf('=') + 8
    const other = cookie[middle] === 'A' ? 'B' : 'A'
    const tampered = cookie.slice(0, middle) + other + cookie.slice(middle + 1)
    for (const bad of [tampered, cookie.slice(0, cookie.indexOf('=') + 1), 'x=y', '']) {
      const answer = await ask(open.validate, bad)
      if (answer !== undefined) throw new WrongAnswer(`${name} accepts a cookie that nobody was given`)
    }
  }
}

const trialOf = async (
  open: OpenPeer, subjects: readonly string[], count: number, atOnce: number, seed: number
): Promise<Trial> => {
  const among = chance(seed)
  const chosen = Array.from({ length: count }, () => among.below(subjects.length))
  const given = presentedHeaders(chosen.map((i) => open.cookies[i]!))
  const { validate } = open
  let asked = 0
  // Subjects are of one length: the sum of lengths is right only if all were accepted.
  const { ns, sum } = validate.kind === 'sync'
    ? pass(given, (headers) => {
      let sum = 0
      for (let i = 0; i < headers.length; i++) sum += validate.subjectOf(headers[i]!)?.length ?? 0
      asked += headers.length
      return sum
    })
    : await passAsync(given, atOnce, async (header) => {
      asked++
      return (await validate.subjectOf(header))?.length ?? 0
    })
  return { value: ns, right: sum / subjects[0]!.length, asked, checksum: sum }
}

interface Opened {
  readonly peer: Peer
  readonly open: OpenPeer
}

/** One after the other; and many at a time, for those that wait for something. */
const contendersOf = (
  { peer, open }: Opened, subjects: readonly string[], bench: Bench
): ReadonlyArray<Contender<string>> => {
  const slow = open.validate.kind === 'async'
  const count = bench.size(slow ? 4_000 : 20_000, 300)
  const one = (name: string, atOnce: number): Contender<string> => ({
    name, check: () => {}, trial: (round) => trialOf(open, subjects, count, atOnce, round + 7)
  })
  return slow ? [one(peer.name, 1), one(`${peer.name}, ${atOnceMax} at once`, atOnceMax)] : [one(peer.name, 1)]
}

/** Opens and checks the peers in turn. One that fails says why and is left out. */
const openAll = async (peers: readonly Peer[], subjects: readonly string[], bench: Bench) => {
  const opened: Opened[] = []
  bench.progress.begin('opening and checking', peers.length)
  for (const peer of peers) {
    try {
      const open = await peer.open(subjects)
      opened.push({ peer, open })
      await checkPeer(peer.name, open, subjects)
    } catch (error) {
      if (!(error instanceof Lacking || error instanceof WrongAnswer) || peer.name === 'curfew') throw error
      bench.note(`${peer.name} is left out: ${error.message}`)
      const failed = opened.findIndex((one) => one.peer === peer)
      if (failed !== -1) await opened.splice(failed, 1)[0]!.open.close()
    }
    bench.progress.step()
  }
  bench.progress.end()
  return opened
}

const run = async (bench: Bench): Promise<Outcome> => {
  installPeers(bench.note)
  // The address is not known to the compiler: the peers' packages are there only once this case has installed them.
  const found = await import(new URL('../peers/all.ts', import.meta.url).href) as { readonly peers: readonly Peer[] }
  const sessions = population(bench.sessions(100_000), systemClock.wall())
  const subjects = Array.from({ length: sessions.size }, (_, i) => sessions.subject(i))
  const opened = await openAll([curfewPeer, ...found.peers], subjects, bench)
  try {
    const contenders = opened.flatMap((one) => contendersOf(one, subjects, bench))
    const { values, checksum } = await interleave(contenders,
      { rounds: bench.rounds(7), warmups: 2, progress: bench.progress })
    const curfew = values['curfew']!
    const figures: Figure[] = contenders.map(({ name }) => figure(name, 'ns', values[name]!))
    const ratios: Ratio[] = contenders.slice(1).map(({ name }) => ratio(`${name}/curfew`, values[name]!, curfew))
    const us = (name: string): string => (median(values[name]!) / 1_000).toFixed(2)
    bench.note(table([
      ['', 'us each', 'can revoke', 'cannot revoke'],
      ...opened.map(({ peer }) => [peer.name, us(peer.name), peer.revokes, peer.cannot])
    ]))
    bench.note(`${sessions.size} sessions, checksum ${checksum}`)
    return { figures, ratios }
  } finally {
    for (const { open } of opened) await open.close()
  }
}

export const peersCase: Case = {
  name: 'peers',
  line: 'the same validation by fast-jwt, jose, iron-session, express-session and connect-redis; who can revoke what',
  reach: {},
  run
}
