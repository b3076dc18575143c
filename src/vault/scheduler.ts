import type { Logger } from 'pino'
import type { ProviderKind } from '../contract/index.ts'
import type { Broker } from '../events/broker.ts'
import { type CheckParts, checkConnection } from './check-connection.ts'
import {
  type Chore,
  type DueConnection,
  type NextDue,
  nextDue,
  takeDue,
} from './due-connections.ts'
import { startDueLoop, TOKEN_CHANGES, waitUntil } from './due-loop.ts'
import { callsPerSecond, limitOf } from './provider-pace.ts'
import type { Refresher } from './refresh.ts'
import { workOff } from './work-off.ts'

/** How many refreshes a vault takes on at one provider at most. */
const MOST_REFRESHES = 200
/** A vault takes on as many refreshes as the provider allows for about so long, and then more. */
const BATCH_SECONDS = 2
/** How many checks a vault has under way at one provider. */
export const CHECKS_AT_ONCE = 8
/** Wait where what was due is in other hands. */
const SHORT_WAIT_MS = 1000
/** Wait after the database could not be asked. */
const RETRY_MS = 5000

interface Work extends Chore {
  most(kind: ProviderKind): number
  run(due: DueConnection): Promise<unknown>
}

/**
 * Refreshes ahead of time and has tokens checked now and then. Sleeps until the next of either is
 * due, which an index knows; its cost follows what is due and not what is stored.
 */
export function startScheduler(
  parts: CheckParts & { refresher: Refresher; broker: Broker; log: Logger },
): AsyncDisposable {
  const { db, refresher, broker, log } = parts
  let closing = false
  /** What we have under way, by chore and provider; a slow one holds up no other. */
  const draining = new Map<string, Promise<void>>()

  const refreshes: Work = {
    column: 'refresh_due_at',
    lane: 'tokens',
    taken_seconds: 45,
    most: (kind) =>
      Math.min(MOST_REFRESHES, Math.ceil(callsPerSecond(limitOf(kind)) * BATCH_SECONDS)),
    run: ({ id, version }) => refresher.refresh(id, version, 'due'),
  }
  const checks: Work = {
    column: 'check_due_at',
    lane: 'checks',
    // A check that was taken on and never ended is due again after this long.
    taken_seconds: 600,
    most: () => CHECKS_AT_ONCE,
    run: ({ id }) =>
      checkConnection(parts, id).catch((error: unknown) => {
        log.warn({ err: error, connection_id: id }, 'a check did not succeed')
      }),
  }

  /** Begins what is due. @returns milliseconds until there is more */
  async function round(): Promise<number> {
    await refresher.replay()
    const waits = await Promise.all([refreshes, checks].map(begin))
    return Math.min(...waits)
  }

  async function begin(work: Work): Promise<number> {
    let wait = waitUntil(undefined)
    for (const next of await nextDue(db, work)) {
      const key = `${work.lane} ${next.provider_id}`
      if (draining.has(key)) continue
      if (next.ms > 0) wait = Math.min(wait, next.ms)
      else draining.set(key, drain(work, next, key))
    }
    return wait
  }

  /** Does all that is due of one kind at one provider. */
  async function drain(work: Work, { provider_id, kind }: NextDue, key: string): Promise<void> {
    let wait = RETRY_MS
    try {
      const some = await workOff(
        work.most(kind),
        async (many) => (closing ? [] : await takeDue(db, work, provider_id, many)),
        work.run,
      )
      wait = some ? 0 : SHORT_WAIT_MS
    } catch (error) {
      log.warn({ err: error }, 'what is due could not be taken')
    } finally {
      draining.delete(key)
      loop.wakeIn(wait)
    }
  }

  const loop = startDueLoop({ broker, log, changes: TOKEN_CHANGES, round })
  refresher.onKept(() => loop.wakeIn(RETRY_MS))
  return {
    async [Symbol.asyncDispose]() {
      closing = true
      await loop[Symbol.asyncDispose]()
      await Promise.all(draining.values())
    },
  }
}
