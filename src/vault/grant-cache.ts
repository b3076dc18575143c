import type { Grant } from './grant.ts'

/**
 * Grants that were read lately, so that a credential costs one statement. Each is proved again by
 * that statement before use, so this is never a way around a deletion; it only forgets.
 */
export interface GrantCache extends Disposable {
  get(id: string): Grant | undefined
  set(id: string, grant: Grant): void
  delete(id: string): void
}

export interface GrantCacheLimits {
  entries: number
  /** Milliseconds that an opened token may be used; it leaves memory within twice as long. */
  age_ms: number
}

/**
 * A cache that drops what was not used for longest, and everything that is too old, whether or not
 * anybody asks for it again. Disposal forgets all.
 */
export function createGrantCache(
  limits: GrantCacheLimits,
  now: () => number = () => performance.now(),
): GrantCache {
  const kept = new Map<string, { grant: Grant; since: number }>()
  const isTooOld = ({ since }: { since: number }) => now() - since >= limits.age_ms
  const sweep = setInterval(() => {
    for (const [id, entry] of kept) if (isTooOld(entry)) kept.delete(id)
  }, limits.age_ms)
  sweep.unref()
  return {
    get(id) {
      const entry = kept.get(id)
      if (entry === undefined) return undefined
      kept.delete(id)
      if (isTooOld(entry)) return undefined
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
    [Symbol.dispose]() {
      clearInterval(sweep)
      kept.clear()
    },
  }
}
