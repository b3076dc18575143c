import { type Kysely, sql } from 'kysely'

/**
 * Which version of its connection a revocation holds, so that an answer that comes home late takes
 * the place of none that came after it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Null, where it is not known any more: such a one gives way to whatever comes.
  'alter table revocations add column version int',

  `create or replace function keep_revocation() returns trigger language plpgsql as $$
  declare kept uuid;
  begin
    insert into revocations (row_id, connection_id, version, owner_id, owner_kind, account_login,
      box, provider_id, client_row_id, client_id, client_secret_box)
    select old.id, old.id, old.version, old.owner_id, old.owner_kind, old.account_login,
      old.box, old.provider_id, clients.id, coalesce(old.former_client_id, clients.client_id),
      case when old.former_client_id is null then clients.client_secret_box
        else old.former_client_secret_box end
    from clients join providers on providers.id = clients.provider_id
    where clients.id = old.client_row_id
    returning id into kept;
    if found then
      perform graphile_worker.add_job('revoke-grant', json_build_object('id', kept),
        queue_name => 'background:' || old.provider_id, priority => 20,
        job_key => 'revoke-grant:' || kept, max_attempts => 12);
    end if;
    return null;
  end $$`,
]
