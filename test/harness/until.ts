import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'

/** Far more than anything takes here, however busy the machine is. */
export const PATIENCE_MS = 120_000
/** Between two looks, so that what is waited for has the machine to itself. */
const BETWEEN_MS = 20

/**
 * Looks again and again, where nothing tells that something has come.
 *
 * @param what is waited for: the words of the failure when it does not come
 * @param look gives it; undefined or false as long as it is not there
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    assert.ok(performance.now() < deadline, `waited in vain: ${what}`)
    await pause(BETWEEN_MS)
  }
}
