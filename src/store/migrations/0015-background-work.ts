import { type Kysely, sql } from 'kysely'

/**
 * What vaults do by themselves keeps out of the way of what people wait for, and tells what it could
 * not do: checks have a pace of their own at each Git host, revocations one queue for each, and both
 * revocations and a runtime's own tokens remember what was learned.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

/**
 * The same for both triggers.
 *
 * @param values of the columns that tell what it was, and whose
 */
function keepRevocation(name: string, values: string): string {
  return `create or replace function ${name}() returns trigger language plpgsql as $$
    declare kept uuid;
    begin
      insert into revocations (row_id, connection_id, owner_id, owner_kind, account_login, box,
        provider_id, client_row_id, client_id, client_secret_box)
      select old.id, ${values},
        old.provider_id, clients.id, clients.client_id, clients.client_secret_box
      from clients join providers on providers.id = clients.provider_id
      where clients.id = old.client_row_id
      returning id into kept;
      if found then
        perform graphile_worker.add_job('revoke-grant', json_build_object('id', kept),
          queue_name => 'background:' || old.provider_id, priority => 20,
          job_key => 'revoke-grant:' || kept, max_attempts => 12);
      end if;
      return null;
    end $$`
}

const statements = [
  // Unlogged, and of the last minute only: nothing is lost with what was there.
  'drop table provider_paces',
  `create unlogged table provider_paces (
    provider_id uuid not null references providers on delete cascade,
    lane text not null check (lane in ('tokens', 'checks')),
    free_at timestamptz not null,
    paused_until timestamptz,
    slowness double precision not null default 1,
    slowed_at timestamptz,
    primary key (provider_id, lane)
  ) with (fillfactor = 20)`,
  'drop index connections_check_due',
  `create index connections_check_due on connections (provider_id, check_due_at)
    where check_due_at is not null`,

  `alter table revocations
    add column owner_kind text not null default 'person'
      check (owner_kind in ('person', 'runtime')),
    add column failed_at timestamptz(3),
    add column failure text`,
  'create index revocations_owner on revocations (owner_id, created_at, id)',
  keepRevocation(
    'keep_revocation',
    'old.id, old.owner_id, old.owner_kind, old.account_login, old.box',
  ),
  keepRevocation(
    'keep_request_revocation',
    `null::uuid, case when old.for_runtime then old.runtime_id else old.owner_id end,
        case when old.for_runtime then 'runtime' else 'person' end,
        coalesce(old.account_after, 'an account'), old.token_set_box`,
  ),

  `alter table connections
    add column probed_repository text,
    add column probe_outcome text
      check (probe_outcome in ('proved', 'read_only', 'unreadable', 'not_visible'))`,
]
