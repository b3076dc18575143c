import { sql } from 'kysely'
import type { Db, Trx } from '../store/database.ts'

/** What vaults do in the background; payloads hold ids only. */
export interface Tasks {
  'check-candidate': { id: string }
  'check-connection': { id: string }
  'finish-authorization': { id: string }
  'test-client': { id: string }
  'revoke-grant': { id: string }
}

/**
 * Has a vault do a task once `trx` has committed.
 *
 * @param key jobs with the same key that have not begun are one job
 */
export async function enqueue<Name extends keyof Tasks>(
  trx: Db | Trx,
  task: Name,
  payload: Tasks[Name],
  key?: string,
): Promise<void> {
  await sql`select graphile_worker.add_job(${task}, ${JSON.stringify(payload)}::json,
    job_key => ${key ?? null}, max_attempts => 12)`.execute(trx)
}
