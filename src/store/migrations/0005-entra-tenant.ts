import { type Kysely, sql } from 'kysely'

/** The directory in which people of a Git host sign in, where it has one of its own. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw('alter table providers add column tenant text').execute(db)
}
