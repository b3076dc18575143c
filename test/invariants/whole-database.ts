import { sql } from 'kysely'
import type { Database } from '../../src/store/database.ts'

/** One row of any table, ours, the queue's or PostgreSQL's own statistics. */
export interface AnyRow {
  table: string
  /** The row as PostgreSQL prints it; `bytea` as hex. */
  text: string
  /** What is left of it between punctuation: values one by one. */
  words: string[]
}

/** Every row of every table, as a dump would have it, with what the planner has sampled. */
export async function allRows({ db }: Database): Promise<AnyRow[]> {
  await sql`analyze`.execute(db)
  const { rows: tables } = await sql<{ name: string }>`
    select format('%I.%I', n.nspname, c.relname) as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm')
      and (n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
        or c.relname = 'pg_statistic')
    order by 1`.execute(db)
  const found: AnyRow[] = []
  for (const { name } of tables) {
    const { rows } = await sql<{ text: string }>`
      select t::text as text from ${sql.raw(name)} t`.execute(db)
    for (const { text } of rows) {
      found.push({ table: name, text, words: text.split(/[^\w.+/=~-]+/).filter(Boolean) })
    }
  }
  return found
}
