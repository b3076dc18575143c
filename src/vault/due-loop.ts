import type { Logger } from 'pino'
import type { EventName } from '../contract/index.ts'
import type { Broker } from '../events/broker.ts'

/** Longest wait until looking again, however far away the next thing due is. */
const MOST_WAIT_MS = 60_000
/** When the database could not be asked. */
const AFTER_FAILURE_MS = 5000

/** What makes something due within a second or so, at which it is gathered with other changes. */
export const TOKEN_CHANGES = { names: ['access', 'runtime_token'], gather_ms: 1000 } as const

export interface DueLoop extends AsyncDisposable {
  /** Looks again after so long, or sooner if that is planned already. */
  wakeIn(ms: number): void
}

/**
 * Calls `round` when something is due, one call at a time, until disposed; the last is waited for.
 *
 * @param parts.changes announced changes that may make something due, and after how long it is looked
 *   for, once for many of them
 * @param parts.round does what is due, and answers with the milliseconds until there is more
 */
export function startDueLoop(parts: {
  broker: Broker
  log: Logger
  changes: { names: readonly EventName[]; gather_ms: number }
  round: () => Promise<number>
}): DueLoop {
  const { broker, log, changes, round } = parts
  let timer: NodeJS.Timeout | undefined
  let wake_at = Number.POSITIVE_INFINITY
  let working: Promise<void> | undefined
  /** What was asked for during a round, for which it may have come too late. */
  let asked_ms = Number.POSITIVE_INFINITY
  let closing = false

  /** Never puts off what is due earlier, so that a stream of changes does not hold it up. */
  function wakeIn(ms: number): void {
    if (working !== undefined) {
      asked_ms = Math.min(asked_ms, ms)
      return
    }
    const at = performance.now() + Math.max(0, Math.min(ms, MOST_WAIT_MS))
    if (closing || at >= wake_at) return
    clearTimeout(timer)
    wake_at = at
    timer = setTimeout(work, Math.max(1, at - performance.now()))
  }

  function work(): void {
    wake_at = Number.POSITIVE_INFINITY
    asked_ms = Number.POSITIVE_INFINITY
    working = round()
      .catch((error: unknown) => {
        log.warn({ err: error }, 'what is due could not be looked up')
        return AFTER_FAILURE_MS
      })
      .then((wait) => {
        working = undefined
        wakeIn(Math.min(wait, asked_ms))
      })
  }

  const unsubscribe = broker.subscribe(
    ({ name }) => changes.names.includes(name),
    () => wakeIn(changes.gather_ms),
    () => wakeIn(0),
  )
  wakeIn(0)
  return {
    wakeIn,
    async [Symbol.asyncDispose]() {
      closing = true
      clearTimeout(timer)
      unsubscribe()
      await working
    },
  }
}

/** The wait that the first moment of a due index stands for. */
export function waitUntil(ms: string | number | null | undefined): number {
  return ms === null || ms === undefined ? MOST_WAIT_MS : Number(ms)
}
