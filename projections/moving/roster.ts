import type { DomainEvent } from '../../core/domain/events.ts'

interface Known {
  readonly incarnation: string
  readonly moves: boolean
  wroteAt: number
}

/** Which nodes a log knows, and whether they follow the log that it is to be moved to. */
export class MovingNodes {
  readonly #known = new Map<string, Known>()

  fold(event: DomainEvent): void {
    const { by, at } = event
    const known = this.#known.get(by)
    if (event.type !== 'NodeAnnounced') {
      if (known !== undefined && at > known.wroteAt) known.wroteAt = at
      return
    }
    if (event.state === 'joins') {
      this.#known.set(by, { incarnation: event.incarnation, moves: event.moves === true, wroteAt: at })
    } else if (known?.incarnation === event.incarnation) this.#known.delete(by)
  }

  /** Those that wrote since that time, by their own clocks, and would not go over. */
  unready(since: number): readonly string[] {
    return [...this.#known].flatMap(([node, { moves, wroteAt }]) => !moves && wroteAt >= since ? [node] : [])
  }
}
