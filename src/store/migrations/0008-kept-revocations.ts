import { type Kysely, sql } from 'kysely'

/**
 * A grant that goes away, however it does, is told to its Git host: the row that remembers it is
 * written by the database, and lives on without its person, runtime and app.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `alter table revocations
    drop constraint revocations_client_row_id_fkey,
    add column client_id text,
    add column client_secret_box text`,
  `update revocations set client_id = clients.client_id,
    client_secret_box = clients.client_secret_box
    from clients where clients.id = client_row_id`,
  `alter table revocations
    alter column client_id set not null,
    alter column client_secret_box set not null`,

  `create function keep_revocation() returns trigger language plpgsql as $$
  begin
    insert into revocations (id, owner_id, provider_id, client_row_id, client_id,
      client_secret_box, account_login, box)
    select old.id, old.owner_id, old.provider_id, clients.id, clients.client_id,
      clients.client_secret_box, old.account_login, old.box
    from clients join providers on providers.id = clients.provider_id
    where clients.id = old.client_row_id;
    if found then
      perform graphile_worker.add_job('revoke-grant', json_build_object('id', old.id),
        job_key => 'revoke-grant:' || old.id, max_attempts => 12);
    end if;
    return null;
  end $$`,
  `create trigger keep_revocation after delete on connections for each row
    when (old.client_row_id is not null and old.status <> 'reauthorization_required')
    execute function keep_revocation()`,
]
