import { type Kysely, sql } from 'kysely'

/** OAuth2: clients, how each runtime is authorized, requests under way, and what a refresh needs. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table clients (
    id uuid primary key,
    provider_id uuid not null references providers on delete cascade,
    runtime_id uuid references runtimes on delete cascade,
    client_id text not null,
    client_secret_box text not null,
    test_at timestamptz(3),
    test_outcome text,
    test_detail text,
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now(),
    unique nulls not distinct (provider_id, runtime_id)
  )`,
  `create index clients_runtime on clients (runtime_id)`,

  `alter table runtime_providers
    add column auth_mode text not null default 'token'
      check (auth_mode in ('default_client', 'custom_client', 'token')),
    add column token_allowed boolean not null default true,
    add column skip_validation boolean not null default false,
    add column scopes text[],
    add column max_age_days integer,
    add column warning_days integer not null default 7`,

  `alter table connections
    add column method text not null default 'token' check (method in ('oauth', 'token')),
    add column client_row_id uuid references clients on delete set null,
    add column access_issued_at timestamptz(3),
    add column access_expires_at timestamptz(3),
    add column check_due_at timestamptz(3),
    add column refresh_due_at timestamptz(3),
    add column refresh_claimed_by uuid,
    add column refresh_claimed_at timestamptz(3),
    add column refresh_failures integer not null default 0`,
  `create index connections_refresh_due on connections (refresh_due_at)
    where refresh_due_at is not null`,
  `create index connections_check_due on connections (check_due_at)
    where check_due_at is not null`,
  `create unique index connections_grant on connections (owner_id, client_row_id)
    where client_row_id is not null`,
  `create index connections_client on connections (client_row_id)`,

  `alter table authorizations
    add column authorized_at timestamptz(3) not null default now(),
    add column expires_at timestamptz(3),
    add column notice_hidden_for text`,

  `create table revocations (
    id uuid primary key,
    owner_id uuid not null,
    provider_id uuid not null references providers on delete cascade,
    client_row_id uuid not null references clients on delete cascade,
    account_login text not null,
    box text not null,
    created_at timestamptz(3) not null default now()
  )`,

  `create table authorization_requests (
    id uuid primary key,
    state_hash bytea not null unique,
    session_hash bytea not null,
    owner_id uuid not null references people on delete cascade,
    runtime_id uuid not null references runtimes on delete cascade,
    provider_id uuid not null references providers on delete cascade,
    client_row_id uuid not null references clients on delete cascade,
    redirect_uri text not null,
    scopes text[] not null,
    code_verifier_box text,
    code_box text,
    token_set_box text,
    token_set_expires_at timestamptz(3),
    status text not null default 'pending',
    confirmed boolean not null default false,
    account_before text,
    account_after text,
    problem jsonb,
    ip text,
    created_at timestamptz(3) not null default now(),
    expires_at timestamptz(3) not null
  )`,
  `create index authorization_requests_owner on authorization_requests (owner_id, created_at desc)`,
]
