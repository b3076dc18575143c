import { sql } from 'kysely'
import type { Logger } from 'pino'
import type { Broker } from '../events/broker.ts'
import { enqueue } from '../jobs/queue.ts'
import type { Db } from '../store/database.ts'
import type { Refresher } from './refresh.ts'

/** How many due refreshes a vault takes on at a time; the limits of each provider come after. */
const BATCH = 200
/** Longest wait until looking again, however far the next refresh is. */
const MOST_WAIT_MS = 60_000
/** Another vault that took a due refresh on has this long before we look at it, too. */
const TAKEN_SECONDS = 45
/** A check that was taken on and never ended is due again after this long. */
const CHECK_SECONDS = 3600

/**
 * Refreshes ahead of time and has tokens checked now and then. Sleeps until the next of either is
 * due, which an index knows; its cost follows what is due and not what is stored.
 */
export function startScheduler(parts: {
  db: Db
  refresher: Refresher
  broker: Broker
  log: Logger
}): AsyncDisposable {
  const { db, refresher, broker, log } = parts
  let timer: NodeJS.Timeout | undefined
  let working: Promise<void> | undefined
  let closing = false

  function wakeIn(ms: number): void {
    clearTimeout(timer)
    if (!closing) timer = setTimeout(work, Math.max(0, Math.min(ms, MOST_WAIT_MS)))
  }

  function work(): void {
    if (working !== undefined) return
    working = round()
      .catch((error: unknown) => {
        log.warn({ err: error }, 'what is due could not be looked up')
        return 5000
      })
      .then((wait) => {
        working = undefined
        wakeIn(wait)
      })
  }

  /** Does what is due. @returns milliseconds until there is more */
  async function round(): Promise<number> {
    await refresher.replay()
    const checks = await enqueueDueChecks(db)
    const due = await takeDueRefreshes(db)
    await Promise.allSettled(due.map(({ id, version }) => refresher.refresh(id, version, false)))
    return Math.max(due.length, checks) === BATCH ? 0 : await untilNext(db)
  }

  const unsubscribe = broker.subscribe(
    ({ name }) => name === 'access' && working === undefined,
    () => wakeIn(1000),
    () => wakeIn(0),
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

/** Takes due refreshes so that no other vault takes the same at once. */
async function takeDueRefreshes(db: Db): Promise<{ id: string; version: number }[]> {
  const { rows } = await sql<{ id: string; version: number }>`
    update connections set refresh_due_at = now() + make_interval(secs => ${TAKEN_SECONDS})
    where id in (
      select id from connections where refresh_due_at <= now()
      order by refresh_due_at limit ${BATCH} for update skip locked)
    returning id, version`.execute(db)
  return rows
}

/** @returns how many */
async function enqueueDueChecks(db: Db): Promise<number> {
  return await db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ id: string }>`
      update connections set check_due_at = now() + make_interval(secs => ${CHECK_SECONDS})
      where id in (
        select id from connections where check_due_at <= now()
        order by check_due_at limit ${BATCH} for update skip locked)
      returning id`.execute(trx)
    for (const { id } of rows) {
      await enqueue(trx, 'check-connection', { id }, `check-connection:${id}`)
    }
    return rows.length
  })
}

async function untilNext(db: Db): Promise<number> {
  const { rows } = await sql<{ ms: number | null }>`
    select extract(epoch from least(
      (select min(refresh_due_at) from connections where refresh_due_at is not null),
      (select min(check_due_at) from connections where check_due_at is not null)) - now()) * 1000
      as ms`.execute(db)
  const ms = rows[0]?.ms
  return ms === null || ms === undefined ? MOST_WAIT_MS : Number(ms)
}
