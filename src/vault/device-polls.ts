import { sql } from 'kysely'
import type { Logger } from 'pino'
import type { Broker } from '../events/broker.ts'
import type { Db } from '../store/database.ts'
import { advanceDeviceRequest } from './device-requests.ts'
import { startDueLoop, waitUntil } from './due-loop.ts'
import type { FinishParts } from './exchange-code.ts'

/** How many requests a vault takes on at a time. */
const BATCH = 50
/** Somebody waits for their code, and looks at it. */
const CHANGES = { names: ['authorization_request'], gather_ms: 0 } as const

/**
 * Asks Git hosts for the tokens that people allow with a code, each as often as it wants to be
 * asked. Sleeps until the next is due, which an index knows. A request that was taken on is due
 * again after `taken_seconds`: should this vault die with it, another one goes on.
 */
export function startDevicePolls(
  parts: FinishParts & { broker: Broker; taken_seconds: number; log: Logger },
): AsyncDisposable {
  const { db, broker, taken_seconds, log } = parts
  const underway = new Set<Promise<void>>()

  /** Begins what is due, and does not wait for it. @returns milliseconds until there is more */
  async function takeOn(): Promise<number> {
    const due = await takeDue(db, taken_seconds)
    for (const id of due) {
      const work = advance(id).finally(() => {
        underway.delete(work)
        loop.wakeIn(0)
      })
      underway.add(work)
    }
    return due.length === BATCH ? 0 : await untilNext(db)
  }

  async function advance(id: string): Promise<void> {
    try {
      await advanceDeviceRequest(parts, id)
    } catch (error) {
      log.warn({ err: error, request_id: id }, 'a device request waits')
    }
  }

  const loop = startDueLoop({ broker, log, changes: CHANGES, round: takeOn })
  return {
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]()
      await Promise.all(underway)
    },
  }
}

/** Takes due requests so that no other vault takes the same at once. */
async function takeDue(db: Db, taken_seconds: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    update authorization_requests
    set next_poll_at = now() + make_interval(secs => ${taken_seconds})
    where id in (
      select id from authorization_requests where next_poll_at <= now()
      order by next_poll_at limit ${BATCH} for update skip locked)
    returning id`.execute(db)
  return rows.map(({ id }) => id)
}

async function untilNext(db: Db): Promise<number> {
  const { rows } = await sql<{ ms: string | null }>`
    select extract(epoch from min(next_poll_at) - now()) * 1000 as ms
    from authorization_requests where next_poll_at is not null`.execute(db)
  return waitUntil(rows[0]?.ms)
}
