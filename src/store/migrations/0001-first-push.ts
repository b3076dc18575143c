import { type Kysely, sql } from 'kysely'

/** People, providers, runtimes, connections, authorizations, candidates and the audit trail. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table people (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    email text not null,
    email_verified boolean not null default false,
    image text,
    role text not null check (role in ('admin', 'member')),
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now()
  )`,
  `create unique index people_email on people (lower(email))`,
  `create index people_by_name on people (name, id)`,
  `create index people_admins on people (id) where role = 'admin'`,

  `create table sessions (
    id uuid primary key default gen_random_uuid(),
    token text not null unique,
    person_id uuid not null references people on delete cascade,
    ip_address text,
    user_agent text,
    expires_at timestamptz(3) not null,
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now()
  )`,
  `create index sessions_person on sessions (person_id)`,
  `create table logins (
    id uuid primary key default gen_random_uuid(),
    person_id uuid not null references people on delete cascade,
    provider_id text not null,
    account_id text not null,
    password text,
    access_token text,
    refresh_token text,
    id_token text,
    scope text,
    access_token_expires_at timestamptz(3),
    refresh_token_expires_at timestamptz(3),
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now()
  )`,
  `create index logins_person on logins (person_id)`,
  `create table verifications (
    id uuid primary key default gen_random_uuid(),
    identifier text not null,
    value text not null,
    expires_at timestamptz(3) not null,
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now()
  )`,
  `create index verifications_identifier on verifications (identifier)`,
  `create table rate_limits (
    id uuid primary key default gen_random_uuid(),
    key text not null unique,
    count integer not null,
    last_request bigint not null
  )`,

  `create table invites (
    id uuid primary key default gen_random_uuid(),
    token_hash bytea not null unique,
    role text not null check (role in ('admin', 'member')),
    email text,
    created_by text,
    created_at timestamptz(3) not null default now(),
    expires_at timestamptz(3) not null
  )`,

  `create table providers (
    id uuid primary key default gen_random_uuid(),
    kind text not null,
    name text not null unique,
    base_url text not null,
    origin text not null unique,
    private_address_confirmed boolean not null,
    created_at timestamptz(3) not null default now()
  )`,

  `create table vault_keys (
    key_id text primary key,
    public_key text not null,
    created_at timestamptz(3) not null default now()
  )`,

  `create table runtimes (
    id uuid primary key default gen_random_uuid(),
    name text not null unique,
    description text not null,
    agent_seen_at timestamptz(3),
    agent_version text,
    created_at timestamptz(3) not null default now()
  )`,
  `create table runtime_keys (
    id uuid primary key default gen_random_uuid(),
    runtime_id uuid not null references runtimes on delete cascade,
    hash bytea not null unique,
    hint text not null,
    created_at timestamptz(3) not null default now(),
    expires_at timestamptz(3)
  )`,
  `create index runtime_keys_runtime on runtime_keys (runtime_id)`,
  `create table runtime_providers (
    runtime_id uuid not null references runtimes on delete cascade,
    provider_id uuid not null references providers,
    primary key (runtime_id, provider_id)
  )`,
  `create index runtime_providers_provider on runtime_providers (provider_id)`,

  `create table connections (
    id uuid primary key,
    owner_id uuid not null references people on delete cascade,
    provider_id uuid not null references providers,
    box text not null,
    fingerprint bytea not null,
    version integer not null default 1,
    status text not null,
    account_id text not null,
    account_login text not null,
    account_name text not null,
    account_email text,
    account_avatar_url text,
    scopes text[] not null,
    missing_scopes text[] not null,
    expires_at timestamptz(3),
    checked_at timestamptz(3),
    check_requested_at timestamptz(3),
    check_failed_at timestamptz(3),
    check_failed_reason text,
    created_at timestamptz(3) not null default now()
  )`,
  `create index connections_owner on connections (owner_id, provider_id)`,
  `create index connections_provider on connections (provider_id)`,

  `create table authorizations (
    id uuid primary key default gen_random_uuid(),
    owner_id uuid not null references people on delete cascade,
    runtime_id uuid not null,
    provider_id uuid not null,
    connection_id uuid not null references connections on delete cascade,
    created_at timestamptz(3) not null default now(),
    unique (owner_id, runtime_id, provider_id),
    foreign key (runtime_id, provider_id) references runtime_providers on delete cascade
  )`,
  `create index authorizations_connection on authorizations (connection_id)`,
  `create index authorizations_runtime on authorizations (runtime_id, provider_id)`,

  `create table candidates (
    id uuid primary key,
    owner_id uuid not null references people on delete cascade,
    runtime_id uuid not null references runtimes on delete cascade,
    provider_id uuid not null references providers on delete cascade,
    box text,
    status text not null default 'checking',
    notes text[] not null,
    problem jsonb,
    stated_expires_at timestamptz(3),
    ip text,
    created_at timestamptz(3) not null default now(),
    finished_at timestamptz(3),
    check ((status = 'checking') = (box is not null))
  )`,
  `create index candidates_owner on candidates (owner_id, created_at desc)`,

  `create table audit (
    id bigint generated always as identity,
    at timestamptz(3) not null default now(),
    actor_kind text not null,
    actor_id text,
    actor_name text not null,
    action text not null,
    outcome text not null check (outcome in ('allowed', 'denied')),
    subject text not null,
    reason text,
    ip text,
    owner_id uuid,
    runtime_id uuid,
    connection_id uuid,
    primary key (at, id)
  ) partition by range (at)`,
  `create function audit_is_append_only() returns trigger language plpgsql as $$
  begin
    raise exception 'audit rows are append-only' using errcode = 'insufficient_privilege';
  end $$`,
  `create trigger audit_append_only before update or delete on audit
    for each row execute function audit_is_append_only()`,
  `create trigger audit_no_truncate before truncate on audit
    for each statement execute function audit_is_append_only()`,
  `create function ensure_audit_partitions() returns void language plpgsql as $$
  declare
    first timestamp := date_trunc('month', now() at time zone 'utc');
    month timestamp;
    part text;
  begin
    for step in 0..3 loop
      month := first + make_interval(months => step);
      part := 'audit_' || to_char(month, 'YYYY_MM');
      if to_regclass(part) is null then
        execute format('create table %I partition of audit for values from (%L) to (%L)',
          part, month at time zone 'utc', (month + interval '1 month') at time zone 'utc');
        execute format('create trigger audit_no_truncate before truncate on %I
          for each statement execute function audit_is_append_only()', part);
      end if;
    end loop;
  end $$`,
  `select ensure_audit_partitions()`,
]
