import { type Kysely, sql } from 'kysely'

/** Runtimes are listed as people count them: *runner-2* before *runner-11*. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

/**
 * By code points, so that no index depends on a library of the system: each number is as long as any
 * other, of which the last 20 digits count.
 */
const statements = [
  `create or replace function natural_order(name text) returns text
    language sql immutable strict parallel safe
    return regexp_replace(
      regexp_replace(name, '([0-9]+)', '0000000000000000000\\1', 'g'),
      '[0-9]*([0-9]{20})', '\\1', 'g')`,
  `alter table runtimes add column if not exists
    natural_order text collate "C" not null generated always as (natural_order(name)) stored`,
  'create index if not exists runtimes_in_order on runtimes (natural_order, name)',
]
