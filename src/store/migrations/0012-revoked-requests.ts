import { type Kysely, sql } from 'kysely'

/** A grant that was turned down, or waited for a word that never came, is told to its Git host. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

/** The box opens at the same address there: what was granted to a request keeps its id. */
const statements = [
  `create function keep_request_revocation() returns trigger language plpgsql as $$
  begin
    insert into revocations (id, owner_id, provider_id, client_row_id, client_id,
      client_secret_box, account_login, box)
    select old.id, case when old.for_runtime then old.runtime_id else old.owner_id end,
      old.provider_id, clients.id, clients.client_id, clients.client_secret_box,
      coalesce(old.account_after, 'an account'), old.token_set_box
    from clients join providers on providers.id = clients.provider_id
    where clients.id = old.client_row_id;
    if found then
      perform graphile_worker.add_job('revoke-grant', json_build_object('id', old.id),
        job_key => 'revoke-grant:' || old.id, max_attempts => 12);
    end if;
    return null;
  end $$`,
  `create trigger keep_refused_grant after update of token_set_box on authorization_requests
    for each row when (old.token_set_box is not null and new.token_set_box is null
      and new.status = 'refused')
    execute function keep_request_revocation()`,
  `create trigger keep_unused_grant after delete on authorization_requests for each row
    when (old.token_set_box is not null)
    execute function keep_request_revocation()`,
]
