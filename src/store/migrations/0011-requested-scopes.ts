import { type Kysely, sql } from 'kysely'

/** What a grant was asked for: some Git hosts want to hear it again with each refresh. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table connections add column requested_scopes text[]`.execute(db)
}
