/**
 * An hour. A host that means longer says so again then; most that say longer, such as with
 * milliseconds where seconds belong, do not mean it.
 */
const MOST_SECONDS = 3600

/** So many of the seconds that a host asks us to wait are waited for, and kept. */
export function askedWait(seconds: number): number {
  return Math.min(seconds, MOST_SECONDS)
}
