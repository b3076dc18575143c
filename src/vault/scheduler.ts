import { sql } from 'kysely'
import type { Logger } from 'pino'
import type { ProviderKind } from '../contract/index.ts'
import type { Broker } from '../events/broker.ts'
import { enqueue } from '../jobs/queue.ts'
import type { Db } from '../store/database.ts'
import { callsPerSecond, limitOf } from './provider-pace.ts'
import type { Refresher } from './refresh.ts'

/** How many due checks a vault takes on at a time, and refreshes at one provider at most. */
const BATCH = 200
/** A vault takes on as many refreshes as the provider allows for about so long, and then more. */
const BATCH_SECONDS = 2
/** Longest wait until looking again, however far the next refresh is. */
const MOST_WAIT_MS = 60_000
/** Another vault that took a due refresh on has this long before we look at it, too. */
const TAKEN_SECONDS = 45
/** A check that was taken on and never ended is due again after this long. */
const CHECK_SECONDS = 3600
/** Wait where what was due is in other hands, or when something has changed. */
const SHORT_WAIT_MS = 1000
/** Wait after the database could not be asked. */
const RETRY_MS = 5000

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
  let waking_at = Number.POSITIVE_INFINITY
  let working: Promise<void> | undefined
  let closing = false
  /** Providers with refreshes of ours under way; a slow one holds up no other. */
  const draining = new Map<string, Promise<void>>()

  /** Sooner if that is planned already: changes that never cease must not put it off for ever. */
  function wakeIn(ms: number): void {
    const at = performance.now() + Math.max(0, Math.min(ms, MOST_WAIT_MS))
    if (closing || at >= waking_at) return
    clearTimeout(timer)
    waking_at = at
    timer = setTimeout(work, Math.max(1, at - performance.now()))
  }

  function work(): void {
    waking_at = Number.POSITIVE_INFINITY
    if (working !== undefined) return
    working = round()
      .catch((error: unknown) => {
        log.warn({ err: error }, 'what is due could not be looked up')
        return RETRY_MS
      })
      .then((wait) => {
        working = undefined
        wakeIn(wait)
      })
  }

  /** Begins what is due. @returns milliseconds until there is more */
  async function round(): Promise<number> {
    await refresher.replay()
    const checks = await enqueueDueChecks(db)
    let wait = checks === BATCH ? 0 : await untilNextCheck(db)
    for (const next of await nextRefreshes(db)) {
      if (draining.has(next.provider_id)) continue
      if (next.ms > 0) wait = Math.min(wait, next.ms)
      else draining.set(next.provider_id, drain(next))
    }
    return wait
  }

  /** Does all refreshes that are due at one provider. */
  async function drain({ provider_id, kind }: NextRefresh): Promise<void> {
    const most = Math.min(BATCH, Math.ceil(callsPerSecond(limitOf(kind)) * BATCH_SECONDS))
    let wait = RETRY_MS
    try {
      const some = await workOff(
        most,
        async (many) => (closing ? [] : await takeDueRefreshes(db, provider_id, many)),
        ({ id, version }) => refresher.refresh(id, version, false),
      )
      wait = some ? 0 : SHORT_WAIT_MS
    } catch (error) {
      log.warn({ err: error }, 'due refreshes could not be taken on')
    } finally {
      draining.delete(provider_id)
      wakeIn(wait)
    }
  }

  const unsubscribe = broker.subscribe(
    ({ name }) => (name === 'access' || name === 'runtime_token') && working === undefined,
    () => wakeIn(SHORT_WAIT_MS),
    () => wakeIn(0),
  )
  wakeIn(0)
  return {
    async [Symbol.asyncDispose]() {
      closing = true
      clearTimeout(timer)
      unsubscribe()
      await working
      await Promise.all(draining.values())
    },
  }
}

interface DueRefresh {
  id: string
  version: number
}

interface NextRefresh {
  provider_id: string
  kind: ProviderKind
  /** Milliseconds until something is due that the provider lets us do; 0 or less: now. */
  ms: number
}

/** When the next refresh is due at each provider that has any. */
async function nextRefreshes(db: Db): Promise<NextRefresh[]> {
  const { rows } = await sql<NextRefresh>`
    select provider.id as provider_id, provider.kind,
      (extract(epoch from greatest(next.due_at, pace.paused_until) - now()) * 1000)
        ::double precision as ms
    from providers provider
    cross join lateral (
      select min(refresh_due_at) as due_at from connections
      where provider_id = provider.id and refresh_due_at is not null) next
    left join provider_paces pace on pace.provider_id = provider.id
    where next.due_at is not null`.execute(db)
  return rows
}

/**
 * Works until nothing is left to take, at most so many at a time. More is taken as soon as half is
 * done, so that the slowest never leave the rest idle.
 *
 * @param work a failure is its own affair
 * @returns whether there was anything to do
 */
async function workOff<T>(
  most: number,
  take: (many: number) => Promise<T[]>,
  work: (one: T) => Promise<unknown>,
): Promise<boolean> {
  const underway = new Set<Promise<void>>()
  let some = false
  try {
    for (;;) {
      const taken = underway.size < most ? await take(most - underway.size) : []
      for (const one of taken) {
        const ended = () => void underway.delete(own)
        const own = work(one).then(ended, ended)
        underway.add(own)
      }
      if (underway.size === 0) return some
      some = true
      await Promise.all([...underway].slice(0, taken.length === 0 ? most : most / 2))
    }
  } finally {
    await Promise.all(underway)
  }
}

/** Takes due refreshes so that no other vault takes the same at once; none while we must wait. */
async function takeDueRefreshes(db: Db, provider_id: string, many: number): Promise<DueRefresh[]> {
  const { rows } = await sql<DueRefresh>`
    update connections set refresh_due_at = now() + make_interval(secs => ${TAKEN_SECONDS})
    where id in (
      select id from connections where provider_id = ${provider_id} and refresh_due_at <= now()
        and not exists (select from provider_paces pace
          where pace.provider_id = ${provider_id} and pace.paused_until > now())
      order by refresh_due_at limit ${many} for update skip locked)
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

async function untilNextCheck(db: Db): Promise<number> {
  const { rows } = await sql<{ ms: number | null }>`
    select extract(epoch from min(check_due_at) - now()) * 1000 as ms
    from connections where check_due_at is not null`.execute(db)
  const ms = rows[0]?.ms
  return ms === null || ms === undefined ? MOST_WAIT_MS : Number(ms)
}
