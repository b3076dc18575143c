import { type Kysely, sql } from 'kysely'

/**
 * The grants of an app are over when it goes, however it does: alone, or with its runtime or Git
 * host. PostgreSQL has locked its row by then, so that none comes that this does not see.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

/** Vaults tell the owners one after the other: there may be many. */
const over = `status = 'reauthorization_required', client_row_id = null,
  refresh_due_at = null, refresh_claimed_by = null, refresh_claimed_at = null,
  refresh_failed_at = null, refresh_failure = null, check_due_at = null, notice_due_at = now()`

const statements = [
  `create or replace function end_grants_of_client() returns trigger language plpgsql as $$
  begin
    update connections set ${over} where client_row_id = old.id;
    return old;
  end $$`,
  `create or replace trigger end_grants_of_client before delete on clients for each row
    execute function end_grants_of_client()`,

  // Brought back by a refresh that was under way when their app was removed.
  `update connections set ${over}
    where method = 'oauth' and client_row_id is null and status <> 'reauthorization_required'`,
]
