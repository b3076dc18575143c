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
 * Has a vault do a task once `trx` has committed: one that somebody waits for.
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

/**
 * What nobody waits for: where its provider stands, what goes first (the least, above 0), the lines
 * for each provider, of which each does one at a time, and when somebody does wait for it. Triggers
 * of the database begin revocations in the same way.
 */
const background = {
  'check-connection': {
    table: 'connections',
    priority: 10,
    line: sql`'background:' || provider_id || ':' || (hashtext(id::text) & 3)`,
    // The same check may wait already in front, for a person who asked for it.
    unless: sql`check_requested_at is not null`,
  },
  'revoke-grant': {
    table: 'revocations',
    priority: 20,
    line: sql`'background:' || provider_id`,
    unless: sql`false`,
  },
} as const satisfies Partial<Record<keyof Tasks, object>>

/**
 * The same for a task that nobody waits for: after all others, and in few lines for each provider, so
 * that one which does not answer takes no vault's time from the rest.
 *
 * @param id of the row that the task is about; nothing is done when it is gone, nor where somebody
 *   waits for the same task
 */
export async function enqueueBehind(
  trx: Db | Trx,
  task: keyof typeof background,
  id: string,
): Promise<void> {
  const { table, priority, line, unless } = background[task]
  await sql`select graphile_worker.add_job(${task}, json_build_object('id', id),
      queue_name => ${line}, priority => ${priority},
      job_key => ${`${task}:${id}`}, max_attempts => 12)
    from ${sql.table(table)} where id = ${id} and not (${unless})`.execute(trx)
}
