import { type Kysely, sql } from 'kysely'

/** Who works on jobs, so that those of a vault that died are not kept for it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table job_workers (
    id text primary key,
    started_at timestamptz(3) not null default now()
  )`.execute(db)
}
