import { sql } from 'kysely'
import type { Db } from '../store/database.ts'

/** Longer than a connection of the pool waits for an answer: by then, a job was heard of or is lost. */
const LOST_SECONDS = 75

/**
 * Gives jobs back that are locked for a worker which has never heard of them: the connection broke
 * on which it was told. The queue by itself would do so after four hours, and keep what stands in
 * line behind one of them for as long.
 *
 * @param underway ids of the jobs that it has
 * @returns how many there were
 */
export async function unlockLostJobs(
  db: Db,
  worker: string,
  underway: ReadonlySet<string>,
): Promise<number> {
  const { rows } = await sql`
    with lost as (
      update graphile_worker._private_jobs set locked_at = null, locked_by = null
      where locked_by = ${worker} and locked_at < now() - make_interval(secs => ${LOST_SECONDS})
        and id <> all(${[...underway]}::bigint[])
      returning id, job_queue_id),
    lines as (
      update graphile_worker._private_job_queues set locked_at = null, locked_by = null
      where locked_by = ${worker} and id in (select job_queue_id from lost))
    select id from lost`.execute(db)
  return rows.length
}
