import { type Kysely, sql } from 'kysely'

/**
 * What a grant was made with, for what comes after it: the address that its code was sent to, and
 * its app where another one has taken that one's place. And when a refresh failed last, which is
 * over when the app is mended: what waits for that is due at once.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `alter table connections
    add column redirect_uri text,
    add column refresh_failed_at timestamptz(3),
    add column refresh_failure text check (refresh_failure in ('misconfigured', 'unavailable')),
    add column former_client_id text,
    add column former_client_secret_box text,
    add check ((refresh_failed_at is null) = (refresh_failure is null))`,

  `create function keep_former_client() returns trigger language plpgsql as $$
  begin
    update connections
    set former_client_id = old.client_id, former_client_secret_box = old.client_secret_box
    where client_row_id = old.id and former_client_id is null;
    return null;
  end $$`,
  `create trigger keep_former_client after update of client_id on clients for each row
    when (old.client_id <> new.client_id)
    execute function keep_former_client()`,

  `create function retry_with_client() returns trigger language plpgsql as $$
  begin
    update connections
    set refresh_failures = 0, refresh_failed_at = null, refresh_failure = null,
      refresh_due_at = case when refresh_failure = 'misconfigured' and refresh_due_at is not null
        then now() else refresh_due_at end
    where client_row_id = new.id and refresh_failed_at is not null;
    return null;
  end $$`,
  `create trigger retry_with_client after update of client_id, client_secret_box on clients
    for each row execute function retry_with_client()`,

  `create or replace function keep_revocation() returns trigger language plpgsql as $$
  declare kept uuid;
  begin
    insert into revocations (row_id, connection_id, owner_id, owner_kind, account_login, box,
      provider_id, client_row_id, client_id, client_secret_box)
    select old.id, old.id, old.owner_id, old.owner_kind, old.account_login, old.box,
      old.provider_id, clients.id, coalesce(old.former_client_id, clients.client_id),
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
