import { type Entry, sessionOf } from '../simulation/history.ts'

/** An entry whose time is given by whoever saw it. */
export type Seen<E = Entry> = E extends Entry ? Omit<E, 'at'> : never

/** Keeps what is seen, by the clock that all processes of this machine share. */
export class Recorder {
  /** CLOCK_MONOTONIC, ns: the origin of all times. */
  readonly originNs = process.hrtime.bigint()
  #entries: Entry[] = []

  /** ms from the origin. */
  now(): number {
    return Number(process.hrtime.bigint() - this.originNs) / 1_000_000
  }

  note(seen: Seen, at: number = this.now()): void {
    this.#entries.push({ at, ...seen } as Entry)
  }

  /** What came in since then. */
  since(at: number): readonly Entry[] {
    return this.#entries.filter((entry) => entry.at >= at)
  }

  /** Forgets all but what the nodes and their clocks are, which every history begins with. */
  startOver(): void {
    this.#entries = this.#entries.filter(({ what }) => what === 'process' || what === 'clock')
  }

  /** In the order of time, in which they do not come in. */
  entries(): readonly Entry[] {
    return this.#entries.toSorted((a, b) => a.at - b.at)
  }
}

/** Which session an entry is of, where it is of one. */
const sessionIn = (entry: Entry): string | undefined => {
  switch (entry.what) {
    case 'validates': return sessionOf(entry.token)
    case 'aborts': return entry.session
    case 'asks': {
      const { op } = entry
      if ('session' in op) return op.session
      if ('token' in op) return sessionOf(op.token)
      if ('session' in op.target) return op.target.session
      return 'token' in op.target ? sessionOf(op.target.token) : undefined
    }
    default: return undefined
  }
}

/** What concerns sessions whose names begin like this, and what concerns none. */
export const ofSeason = (entries: readonly Entry[], season: string): readonly Entry[] =>
  entries.filter((entry) => sessionIn(entry)?.startsWith(season) ?? true)
