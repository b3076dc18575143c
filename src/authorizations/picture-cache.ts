export interface Picture {
  type: string
  bytes: Buffer
}

/** Pictures that were shown lately, so that their Git hosts are not asked for every look at them. */
export interface PictureCache {
  get(key: string): Picture | undefined
  set(key: string, picture: Picture): void
}

/** What is kept goes with what was shown longest ago, or when it is asked for and too old. */
export function createPictureCache(
  limits: { bytes: number; age_ms: number },
  now: () => number = () => performance.now(),
): PictureCache {
  const kept = new Map<string, { picture: Picture; since: number }>()
  let bytes = 0

  function remove(key: string): void {
    bytes -= kept.get(key)?.picture.bytes.length ?? 0
    kept.delete(key)
  }

  return {
    get(key) {
      const entry = kept.get(key)
      if (entry === undefined) return undefined
      if (now() - entry.since >= limits.age_ms) {
        remove(key)
        return undefined
      }
      // The last place is that of what was shown last.
      kept.delete(key)
      kept.set(key, entry)
      return entry.picture
    },
    set(key, picture) {
      remove(key)
      kept.set(key, { picture, since: now() })
      bytes += picture.bytes.length
      for (const oldest of kept.keys()) {
        if (bytes <= limits.bytes) return
        remove(oldest)
      }
    },
  }
}
