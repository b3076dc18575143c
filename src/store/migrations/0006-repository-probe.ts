import { type Kysely, sql } from 'kysely'

/** Repositories on which tokens are tried that do not show their scopes, and what came of it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  'alter table runtime_providers add column probe_repository text',
  `alter table authorizations
    add column probed_repository text,
    add column probe_outcome text
      check (probe_outcome in ('proved', 'read_only', 'unreadable', 'not_visible'))`,
]
