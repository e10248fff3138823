import type { Limits } from '../../core/domain/limits.ts'

/** A level and methods without the moment. */
export interface Means {
  readonly level: string
  readonly methods: readonly string[]
}

/** So many distinct means are kept once for all; further ones stand in the session's own blob. */
const meansMax = 4_096

const sameMeans = (a: Means, level: string, methods: readonly string[]): boolean => {
  if (a.level !== level || a.methods.length !== methods.length) return false
  for (let i = 0; i < methods.length; i++) if (a.methods[i] !== methods[i]) return false
  return true
}

/**
 * What many sessions have in common, once: limits, means of authentication, tenants. Ordinals never change their
 * meaning, for views that the app holds refer to them.
 */
export class Dictionary {
  readonly limits: Limits[] = []
  shortestIdleMs = Infinity
  readonly #limitsByKey = new Map<string, number>()
  readonly means: Means[] = []
  readonly #meansByKey = new Map<string, number>()
  /** From 1; 0 is no tenant. */
  readonly tenants: (string | null)[] = [null]
  readonly #tenantsByName = new Map<string, number>()

  limitsOrdinal(limits: Limits): number {
    const near = Math.min(this.limits.length, 4)
    for (let i = 0; i < near; i++) {
      const known = this.limits[i]!
      if (known.idle === limits.idle && known.absolute === limits.absolute && known.renew === limits.renew) return i
    }
    const key = `${limits.idle} ${limits.absolute} ${limits.renew}`
    const known = this.#limitsByKey.get(key)
    if (known !== undefined) return known
    this.shortestIdleMs = Math.min(this.shortestIdleMs, limits.idle)
    this.limits.push({ idle: limits.idle, absolute: limits.absolute, renew: limits.renew })
    this.#limitsByKey.set(key, this.limits.length - 1)
    return this.limits.length - 1
  }

  /** The ordinal, or -1: the dictionary is full. */
  meansOrdinal(level: string, methods: readonly string[]): number {
    const near = Math.min(this.means.length, 4)
    for (let i = 0; i < near; i++) if (sameMeans(this.means[i]!, level, methods)) return i
    const key = JSON.stringify([level, methods])
    const known = this.#meansByKey.get(key)
    if (known !== undefined) return known
    if (this.means.length === meansMax) return -1
    this.means.push({ level, methods: [...methods] })
    this.#meansByKey.set(key, this.means.length - 1)
    return this.means.length - 1
  }

  /** The tenant's ordinal; a new one if it was never heard of. */
  tenantOrdinal(tenant: string | null): number {
    if (tenant === null) return 0
    const known = this.#tenantsByName.get(tenant)
    if (known !== undefined) return known
    this.tenants.push(tenant)
    this.#tenantsByName.set(tenant, this.tenants.length - 1)
    return this.tenants.length - 1
  }

  /** undefined: never heard of. */
  tenantKnown(tenant: string): number | undefined {
    return this.#tenantsByName.get(tenant)
  }
}
