import type { Logger } from 'pino'
import type { Broker } from '../events/broker.ts'

/** Longest wait until looking again, however far away the next thing due is. */
export const MOST_WAIT_MS = 60_000
/** A change may have made something due: it is looked for after this long, once for many changes. */
const GATHER_MS = 1000
/** When the database could not be asked. */
const AFTER_FAILURE_MS = 5000

/**
 * Calls `round` when something is due, one call at a time, until disposed; the last is waited for.
 *
 * @param parts.round does what is due, and answers with the milliseconds until there is more
 */
export function startDueLoop(parts: {
  broker: Broker
  log: Logger
  round: () => Promise<number>
}): AsyncDisposable {
  const { broker, log, round } = parts
  let timer: NodeJS.Timeout | undefined
  let wake_at = Number.POSITIVE_INFINITY
  let working: Promise<void> | undefined
  let changed = false
  let closing = false

  /** Never puts off what is due earlier, so that a stream of changes does not hold it up. */
  function wakeIn(ms: number): void {
    const at = Date.now() + Math.max(0, Math.min(ms, MOST_WAIT_MS))
    if (closing || at >= wake_at) return
    clearTimeout(timer)
    wake_at = at
    timer = setTimeout(work, at - Date.now())
  }

  function work(): void {
    wake_at = Number.POSITIVE_INFINITY
    changed = false
    working = round()
      .catch((error: unknown) => {
        log.warn({ err: error }, 'what is due could not be looked up')
        return AFTER_FAILURE_MS
      })
      .then((wait) => {
        working = undefined
        wakeIn(changed ? Math.min(wait, GATHER_MS) : wait)
      })
  }

  /** What changes during a round may have come too late for it. */
  function onChange(wait: number): void {
    if (working === undefined) wakeIn(wait)
    else changed = true
  }

  const unsubscribe = broker.subscribe(
    ({ name }) => name === 'access' || name === 'runtime_token',
    () => onChange(GATHER_MS),
    () => onChange(0),
  )
  wakeIn(0)
  return {
    async [Symbol.asyncDispose]() {
      closing = true
      clearTimeout(timer)
      unsubscribe()
      await working
    },
  }
}

/** The wait that `untilNext` of a due index stands for. */
export function waitUntil(ms: string | number | null | undefined): number {
  return ms === null || ms === undefined ? MOST_WAIT_MS : Number(ms)
}
