type Kind = 'fault' | 'call' | 'answer' | 'verdict' | 'final'

/** What happened in simulations, by kind and name, and how often: a fault that never fires proves nothing. */
export class Coverage {
  readonly #counts = new Map<string, Map<string, number>>()

  count(kind: Kind, name: string, times = 1): void {
    const names = this.#counts.get(kind) ?? new Map<string, number>()
    this.#counts.set(kind, names.set(name, (names.get(name) ?? 0) + times))
  }

  of(kind: string, name: string): number {
    return this.#counts.get(kind)?.get(name) ?? 0
  }

  add(other: Coverage): void {
    for (const [kind, name, times] of other.entries()) this.count(kind, name, times)
  }

  entries(): Array<[kind: Kind, name: string, times: number]> {
    return [...this.#counts].flatMap(([kind, names]) => [...names].map(
      ([name, times]): [Kind, string, number] =>
        [kind as Kind, name, times]))
  }
}
