import { type Kysely, sql } from 'kysely'

/** What the owner of a connection is told of, once for each time that it happens. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table notices (
    id uuid primary key default gen_random_uuid(),
    connection_id uuid not null references connections on delete cascade,
    authorization_id uuid references authorizations on delete cascade,
    kind text not null,
    event text not null,
    created_at timestamptz(3) not null default now(),
    ended_at timestamptz(3)
  )`,
  `create unique index notices_open
    on notices (connection_id, authorization_id, kind, event) nulls not distinct
    where ended_at is null`,
  `create index notices_connection on notices (connection_id)`,
  `create index notices_authorization on notices (authorization_id)
    where authorization_id is not null`,
  `create index notices_ended on notices (ended_at) where ended_at is not null`,

  `alter table authorizations
    drop column notice_hidden_for,
    add column hidden_notice_id uuid references notices on delete set null`,
  `create index authorizations_hidden_notice on authorizations (hidden_notice_id)
    where hidden_notice_id is not null`,

  `alter table connections add column notice_due_at timestamptz(3)`,
  `create index connections_notice_due on connections (notice_due_at)
    where notice_due_at is not null`,
  `update connections c set notice_due_at = now()
    where status not in ('valid', 'unverified') or expires_at is not null
      or exists (select from authorizations a
        where a.connection_id = c.id and a.expires_at is not null)`,
]
