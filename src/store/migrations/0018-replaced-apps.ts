import { type Kysely, sql } from 'kysely'

/**
 * An app that comes back and is replaced again is remembered with the secret that it had last, and
 * revocations from before they knew whose they are belong to runtimes, too.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create or replace function keep_former_client() returns trigger language plpgsql as $$
  begin
    update connections
    set former_client_id = old.client_id, former_client_secret_box = old.client_secret_box
    where client_row_id = old.id
      and (former_client_id is null or former_client_id = old.client_id);
    return null;
  end $$`,

  `update revocations set owner_kind = 'runtime' where owner_id in (select id from runtimes)`,
]
