import type { Grant } from './grant.ts'

/**
 * Grants that were read lately, so that a credential costs one statement. Each is proved again by
 * that statement before use, so this is never a way around a deletion; it only forgets.
 */
export interface GrantCache {
  get(id: string): Grant | undefined
  set(id: string, grant: Grant): void
  delete(id: string): void
}

export interface GrantCacheLimits {
  entries: number
  /** Milliseconds that an opened token may stay in memory. */
  age_ms: number
}

/** A cache that drops what was not used for longest, and everything after a while. */
export function createGrantCache(
  limits: GrantCacheLimits,
  now: () => number = Date.now,
): GrantCache {
  const kept = new Map<string, { grant: Grant; since: number }>()
  return {
    get(id) {
      const entry = kept.get(id)
      if (entry === undefined) return undefined
      kept.delete(id)
      if (now() - entry.since > limits.age_ms) return undefined
      kept.set(id, entry)
      return entry.grant
    },
    set(id, grant) {
      const since = kept.get(id)?.grant === grant ? (kept.get(id)?.since ?? now()) : now()
      kept.delete(id)
      kept.set(id, { grant, since })
      const oldest = kept.keys().next()
      if (kept.size > limits.entries && !oldest.done) kept.delete(oldest.value)
    },
    delete: (id) => void kept.delete(id),
  }
}
