import { type Kysely, sql } from 'kysely'

/** The pace of refreshes at each Git host, kept by all vaults together. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Unlogged: written for every refresh, and nothing is lost with it but the knowledge of a minute.
  `create unlogged table provider_paces (
    provider_id uuid primary key references providers on delete cascade,
    free_at timestamptz not null,
    paused_until timestamptz,
    slowness double precision not null default 1,
    slowed_at timestamptz
  ) with (fillfactor = 20)`,

  // What is due at one host is found without walking over what is due at another.
  `drop index connections_refresh_due`,
  `create index connections_refresh_due on connections (provider_id, refresh_due_at)
    where refresh_due_at is not null`,
  // Room on each page for claims, which then touch no index.
  `alter table connections set (fillfactor = 85)`,
]
