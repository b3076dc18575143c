/** Tokens that their Git host did not accept a moment ago, by fingerprint. */
export interface RefusedTokens {
  has(provider_id: string, fingerprint: Buffer): boolean
  add(provider_id: string, fingerprint: Buffer): void
}

/** Long enough for somebody who tries again and again, and short for a host that changes its mind. */
const AGE_MS = 30_000
const MOST = 1000

/**
 * Remembers bad tokens for a while, so that the same one is not tried again and again: hosts lock an
 * account out, good tokens and all, that somebody signs in to wrongly too often.
 */
export function createRefusedTokens(): RefusedTokens {
  /** When each is forgotten, oldest first. */
  const until = new Map<string, number>()
  const keyOf = (provider_id: string, fingerprint: Buffer) =>
    `${provider_id} ${fingerprint.toString('base64')}`

  function forget(): void {
    const now = performance.now()
    for (const [key, end] of until) {
      if (end > now && until.size < MOST) return
      until.delete(key)
    }
  }

  return {
    has: (provider_id, fingerprint) =>
      (until.get(keyOf(provider_id, fingerprint)) ?? 0) > performance.now(),
    add(provider_id, fingerprint) {
      forget()
      const key = keyOf(provider_id, fingerprint)
      until.delete(key)
      until.set(key, performance.now() + AGE_MS)
    },
  }
}
