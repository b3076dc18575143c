import { type Kysely, sql } from 'kysely'

/**
 * Revocations have ids of their own: whoever begins an authorization chooses the id of its request,
 * which may be that of a connection.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `alter table revocations
    alter column id set default gen_random_uuid(),
    add column row_id uuid,
    add column connection_id uuid unique`,
  // Which of them were connections is known of none; a request that is still there was one.
  `update revocations set row_id = id, connection_id = case
    when id in (select id from authorization_requests) then null else id end`,
  'alter table revocations alter column row_id set not null',

  `create or replace function keep_revocation() returns trigger language plpgsql as $$
  declare kept uuid;
  begin
    insert into revocations (row_id, connection_id, owner_id, provider_id, client_row_id,
      client_id, client_secret_box, account_login, box)
    select old.id, old.id, old.owner_id, old.provider_id, clients.id, clients.client_id,
      clients.client_secret_box, old.account_login, old.box
    from clients join providers on providers.id = clients.provider_id
    where clients.id = old.client_row_id
    returning id into kept;
    if found then
      perform graphile_worker.add_job('revoke-grant', json_build_object('id', kept),
        job_key => 'revoke-grant:' || kept, max_attempts => 12);
    end if;
    return null;
  end $$`,

  `create or replace function keep_request_revocation() returns trigger language plpgsql as $$
  declare kept uuid;
  begin
    insert into revocations (row_id, owner_id, provider_id, client_row_id, client_id,
      client_secret_box, account_login, box)
    select old.id, case when old.for_runtime then old.runtime_id else old.owner_id end,
      old.provider_id, clients.id, clients.client_id, clients.client_secret_box,
      coalesce(old.account_after, 'an account'), old.token_set_box
    from clients join providers on providers.id = clients.provider_id
    where clients.id = old.client_row_id
    returning id into kept;
    if found then
      perform graphile_worker.add_job('revoke-grant', json_build_object('id', kept),
        job_key => 'revoke-grant:' || kept, max_attempts => 12);
    end if;
    return null;
  end $$`,
]
