import type { LogEvent } from '../../core/domain/events.ts'
import type { LogMove } from '../../core/store/log-move.ts'

/** What the log says of itself. The first seal of a partition counts, and the first end of its copy. */
export class Moving implements LogMove {
  readonly sealedAt = new Map<number, number>()
  readonly finishedAt = new Map<number, number>()
  readonly #copying = new Set<number>()
  sealedTo: string | null = null
  copiedFrom: string | null = null

  get copy(): LogMove['copy'] {
    return this.#copying.size > 0 ? 'copying' : this.finishedAt.size > 0 ? 'finished' : 'none'
  }

  /** Whether it is new. What is void never comes here. */
  fold(event: LogEvent, partition: number, offset: number): boolean {
    switch (event.type) {
      case 'LogSealed':
        this.sealedAt.set(partition, offset)
        this.sealedTo = event.to
        return true
      case 'LogCopyStarted':
        if (this.finishedAt.has(partition) || this.#copying.has(partition)) return false
        this.#copying.add(partition)
        this.copiedFrom = event.from
        return true
      case 'LogCopyFinished':
        if (this.finishedAt.has(partition)) return false
        this.#copying.delete(partition)
        this.finishedAt.set(partition, offset)
        this.copiedFrom = event.from
        return true
    }
  }
}
