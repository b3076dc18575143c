import { type Kysely, sql } from 'kysely'

/** Device flow, RFC 8628: people who sign in on a command line, and runtimes authorized from there. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table device_sign_ins (
    id uuid primary key default gen_random_uuid(),
    device_code_hash bytea not null unique,
    user_code_hash bytea not null unique,
    device_name text not null,
    ip text,
    status text not null default 'pending' check (status in ('pending', 'approved', 'denied')),
    person_id uuid references people on delete cascade,
    poll_interval integer not null,
    polled_at timestamptz(3),
    created_at timestamptz(3) not null default now(),
    expires_at timestamptz(3) not null
  )`,
  `create index device_sign_ins_person on device_sign_ins (person_id)`,
  `create table person_tokens (
    id uuid primary key default gen_random_uuid(),
    hash bytea not null unique,
    person_id uuid not null references people on delete cascade,
    device_name text not null,
    created_at timestamptz(3) not null default now(),
    expires_at timestamptz(3) not null
  )`,
  `create index person_tokens_person on person_tokens (person_id)`,

  `alter table authorization_requests
    add column flow text not null default 'code' check (flow in ('code', 'device')),
    alter column state_hash drop not null,
    alter column session_hash drop not null,
    add column device_code_box text,
    add column user_code text,
    add column verification_uri text,
    add column verification_uri_complete text,
    add column poll_interval integer,
    add column next_poll_at timestamptz(3)`,
  `create index authorization_requests_next_poll on authorization_requests (next_poll_at)
    where next_poll_at is not null`,

  `alter table connections add column device_flow boolean not null default false`,
]
