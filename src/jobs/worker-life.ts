import { sql } from 'kysely'
import type { Db } from '../store/database.ts'
import { keepConnected } from '../store/kept-connection.ts'

/** Any number that only we use; the second key of the lock is a hash of the worker's id. */
const WORKER_LOCKS = 7_080_002
/**
 * The database notices within about half a minute that the machine of a vault is gone. Until it
 * has, a connection that is made again waits for the lock of the one before.
 */
const SETTINGS = `set tcp_keepalives_idle = 15; set tcp_keepalives_interval = 5;
  set tcp_keepalives_count = 3; set lock_timeout = '2s'`

/** One that leaves locked jobs behind counts as dead, so that another one does them. */
const FAREWELL = `delete from job_workers where id = $1
  and not exists (select from graphile_worker.jobs where locked_by = $1)`

/**
 * Lets all vaults know that a worker lives: writes its row, and holds its lock on a connection of
 * its own until disposed. The database lets go of the lock when the process dies, however it does.
 * A connection that breaks is made again; then `onAgain` is called.
 */
export async function holdWorkerLife(
  url: string,
  id: string,
  { onError, onAgain }: { onError: (error: Error) => void; onAgain: () => void },
): Promise<AsyncDisposable> {
  return await keepConnected(url, {
    application_name: 'countersign worker',
    // The lock comes before the row: who finds a row without a lock has found a worker that died.
    async prepare(client) {
      await client.query(SETTINGS)
      await client.query('select pg_advisory_lock($1, hashtext($2))', [WORKER_LOCKS, id])
      await client.query('insert into job_workers (id) values ($1) on conflict do nothing', [id])
    },
    onError,
    onAgain,
    onEnd: (client) => client.query(FAREWELL, [id]),
  })
}

const isDead = sql<boolean>`not exists (select from pg_locks
  where locktype = 'advisory' and granted and objsubid = 2
    and database = (select oid from pg_database where datname = current_database())
    and classid = ${sql.lit(WORKER_LOCKS)} and objid = hashtext(job_workers.id)::oid)`

/** The workers whose lock nobody holds at this moment; as many rows are read as vaults run. */
export async function workersWithoutLife(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('job_workers').select('id').where(isDead).execute()
  return rows.map(({ id }) => id)
}

/** How many vaults run at this moment. */
export async function livingVaults(db: Db): Promise<number> {
  const { living } = await db
    .selectFrom('job_workers')
    .select(({ fn }) => fn.countAll<number>().as('living'))
    .where(({ not }) => not(isDead))
    .executeTakeFirstOrThrow()
  return Number(living)
}

/** Gives the jobs of these workers to whoever wants them, unless they live after all. */
export async function unlockJobsOf(db: Db, ids: readonly string[]): Promise<string[]> {
  return await db.transaction().execute(async (trx) => {
    const rows = await trx
      .deleteFrom('job_workers')
      .where('id', 'in', ids)
      .where(isDead)
      .returning('id')
      .execute()
    const dead = rows.map(({ id }) => id)
    if (dead.length > 0) {
      await sql`select graphile_worker.force_unlock_workers(${dead}::text[])`.execute(trx)
    }
    return dead
  })
}
