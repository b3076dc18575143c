import { sql } from 'kysely'
import { Gauge, type Registry } from 'prom-client'
import { answerInTime, type Db, isDatabaseAway } from '../store/database.ts'

const jobs = `from graphile_worker.jobs
  where run_at <= now() and locked_at is null and attempts < max_attempts`

/** Each by an index, or from a table that is nearly empty where vaults keep up. */
const waiting = [
  {
    name: 'countersign_jobs_waiting',
    help: 'Jobs for vaults that are due and that none has begun',
    query: `select count(*) as figure ${jobs}`,
  },
  {
    name: 'countersign_oldest_job_seconds',
    help: 'For how long the oldest of these has been due',
    query: `select coalesce(extract(epoch from now() - min(run_at)), 0) as figure ${jobs}`,
  },
  {
    name: 'countersign_refresh_late_seconds',
    help: 'For how long the refresh that is due first has been due',
    query: `select coalesce(greatest(extract(epoch from now() - min(next.due_at)), 0), 0) as figure
      from providers cross join lateral (
        select min(refresh_due_at) as due_at from connections
        where provider_id = providers.id and refresh_due_at is not null) next`,
  },
]

/**
 * Registers what waits for vaults. Servers tell it, which are there when no vault is. While the
 * database is away nobody knows, and the figures are NaN.
 */
export function registerWaiting(registry: Registry, db: Db): void {
  for (const { query, ...gauge } of waiting) {
    new Gauge({
      ...gauge,
      registers: [registry],
      async collect() {
        this.set(await figureOf(db, query))
      },
    })
  }
}

async function figureOf(db: Db, query: string): Promise<number> {
  try {
    const answer = await answerInTime(sql.raw<{ figure: string }>(query).execute(db))
    return Number(answer?.rows[0]?.figure)
  } catch (error) {
    if (isDatabaseAway(error)) return Number.NaN
    throw error
  }
}
