import { type Kysely, sql } from 'kysely'

/** A token that a runtime wants to be tried on a repository first does not count until it was. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table authorizations
    drop constraint authorizations_probe_outcome_check,
    add constraint authorizations_probe_outcome_check check (
      probe_outcome in ('proved', 'read_only', 'unreadable', 'not_visible', 'not_tried'))`.execute(
    db,
  )
}
