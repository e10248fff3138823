import type { AllRevoked, TenantRevoked } from '../../core/domain/events.ts'

/** One whose sessions are not listed one by one when it comes. */
export type Wide = TenantRevoked | AllRevoked

export interface WideEntry {
  readonly event: Wide
  /** 0: all tenants. */
  readonly tenant: number
  /**
   * Sessions that started in this partition before this offset are concerned; an early one gives an offset for each
   * partition that has yet to bring its record.
   */
  readonly before: ReadonlyMap<number, number>
  readonly isEarly: boolean
  /** Whether those concerned were taken off the counts when it came. */
  readonly isCounted: boolean
}

/**
 * Wide revocations that some session may not have been held against. Each raises the stamp by one; a session with a
 * lower stamp is held against the entries since, when it is next looked at. When all sessions were, entries go.
 */
export class Wides {
  stamp = 0
  #entries: WideEntry[] = []

  add(entry: WideEntry): void {
    this.#entries.push(entry)
    this.stamp++
  }

  get pending(): number {
    return this.#entries.length
  }

  /** Those that came after `stamp`, oldest first: `entries` from `from`. */
  from(stamp: number): number {
    return Math.max(0, this.#entries.length - (this.stamp - stamp))
  }

  get entries(): readonly WideEntry[] {
    return this.#entries
  }

  /** Every session was held against all up to `stamp`. */
  trim(stamp: number): void {
    const settled = this.from(stamp)
    if (settled > 0) this.#entries = this.#entries.slice(settled)
  }
}
